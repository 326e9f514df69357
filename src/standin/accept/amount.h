#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace standin::core {

/// An exact decimal of up to 24 digits before and 12 after the point: money is never a float. Whatever does not fit is
/// refused, never rounded.
class Decimal {
public:
    constexpr Decimal() = default;

    /// Throws Error 22P02 for what is no plain decimal number, 22003 for what does not fit.
    static Decimal parse(std::string_view text);
    std::string text() const;

    bool negative() const { return value_ < 0; }
    bool zero() const { return value_ == 0; }

    friend auto operator<=>(const Decimal&, const Decimal&) = default;
    friend Decimal operator+(Decimal left, Decimal right);
    friend Decimal operator-(Decimal left, Decimal right);

private:
    static constexpr int scale = 12;
    static constexpr int digitsBefore = 24;
    __extension__ using Int = __int128;
    explicit constexpr Decimal(Int value) : value_(value) {}
    Int value_ = 0;
};

} // namespace standin::core
