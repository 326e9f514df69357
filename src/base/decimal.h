#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/container/small_vector.hpp>

#include "base/rounding.h"

namespace standin {

/// An exact decimal as PostgreSQL's numeric represents it on the wire: digits of base 10000, the first of them worth
/// 10000^weight, and the number of decimal places to show. No value passes through a floating-point number.
struct Decimal {
    // The sign codes of numeric's binary format.
    enum class Sign : uint16_t {
        Positive = 0x0000,
        Negative = 0x4000,
        NaN = 0xC000,
        PositiveInfinity = 0xD000,
        NegativeInfinity = 0xF000
    };

    Sign sign = Sign::Positive;
    int16_t weight = 0;
    uint16_t displayScale = 0;
    boost::container::small_vector<int16_t, 12> digits;

    bool operator==(const Decimal&) const = default;

    bool isFinite() const { return sign == Sign::Positive || sign == Sign::Negative; }
    /// Digits before the decimal point without leading zeros; not positive for numbers below one.
    int integerDigits() const;
    /// Digits after the decimal point without trailing zeros; not positive for whole numbers.
    int fractionDigits() const;
};

/// Kafka Connect's form: a big-endian two's-complement integer, worth 10^-scale each. Throws when it exceeds numeric.
Decimal decimalFromUnscaled(const uint8_t* bytes, size_t size, int scale);

/// Plain or scientific notation, NaN and the infinities under the names PostgreSQL and Debezium give them. Nothing if
/// the text is no number; throws when it exceeds numeric.
std::optional<Decimal> decimalFromText(std::string_view text);

/// Makes a finite number show `scale` digits after the decimal point (a negative scale: zeros before it). False if
/// digits would have to go and `rounding` forbids it.
bool limitScale(Decimal& decimal, int scale, Rounding rounding);

/// The number times 10^scale, if that is a whole number of 64 bits.
std::optional<int64_t> toInteger(const Decimal& decimal, int scale = 0);

std::string toText(const Decimal& decimal);

} // namespace standin
