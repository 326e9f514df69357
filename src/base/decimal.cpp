#include "base/decimal.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/error.h"

namespace standin {

namespace {

// numeric's own limits: digits before and after the decimal point.
constexpr int64_t maxIntegerDigits = 131072;
constexpr int64_t maxFractionDigits = 16383;

[[noreturn]] void throwOutOfRange() { throw Error("22003", "value overflows numeric format"); }

bool isDigit(char character) { return character >= '0' && character <= '9'; }

/// Builds from decimal digits (no leading sign) of which the last `scale` are the fraction; scale may be negative.
Decimal fromDigits(std::string_view digits, bool negative, int64_t scale) {
    const size_t leadingZeros = std::min(digits.find_first_not_of('0'), digits.size());
    digits.remove_prefix(leadingZeros);
    if (scale > maxFractionDigits || static_cast<int64_t>(digits.size()) - scale > maxIntegerDigits)
        throwOutOfRange();
    Decimal result;
    result.displayScale = static_cast<uint16_t>(std::max<int64_t>(scale, 0));
    // Groups of four align at the decimal point: zeros are added on the right, and implied on the left.
    const int64_t rightPadding = scale < 0 ? (-scale) % 4 : (4 - scale % 4) % 4;
    const int64_t total = static_cast<int64_t>(digits.size()) + rightPadding;
    const int64_t groups = (total + 3) / 4;
    const int64_t fractionGroups = scale < 0 ? -((-scale) / 4) : (scale + 3) / 4;
    for (int64_t group = 0, at = total - groups * 4; group < groups; ++group, at += 4) {
        int value = 0;
        for (int64_t i = at; i < at + 4; ++i) {
            const bool given = i >= 0 && i < static_cast<int64_t>(digits.size());
            value = value * 10 + (given ? digits[static_cast<size_t>(i)] - '0' : 0);
        }
        result.digits.push_back(static_cast<int16_t>(value));
    }
    while (!result.digits.empty() && result.digits.back() == 0)
        result.digits.pop_back();
    if (result.digits.empty())
        return result;
    result.weight = static_cast<int16_t>(groups - fractionGroups - 1);
    result.sign = negative ? Decimal::Sign::Negative : Decimal::Sign::Positive;
    return result;
}

/// Decimal digits of a big-endian magnitude of any size.
std::string digitsOfMagnitude(std::vector<uint32_t> words) {
    std::string reversed;
    while (!words.empty()) {
        uint64_t remainder = 0;
        for (uint32_t& word : words) {
            const uint64_t current = remainder << 32 | word;
            word = static_cast<uint32_t>(current / 1000000000);
            remainder = current % 1000000000;
        }
        words.erase(words.begin(), std::find_if(words.begin(), words.end(), [](uint32_t word) { return word != 0; }));
        for (int i = 0; i < 9; ++i, remainder /= 10)
            reversed += static_cast<char>('0' + remainder % 10);
    }
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
}

Decimal special(Decimal::Sign sign) {
    Decimal result;
    result.sign = sign;
    return result;
}

bool equalsIgnoringCase(std::string_view text, std::string_view upper) {
    return std::equal(text.begin(), text.end(), upper.begin(), upper.end(),
                      [](char a, char b) { return (a >= 'a' && a <= 'z' ? a - 32 : a) == b; });
}

std::optional<Decimal> specialFromText(std::string_view text) {
    for (const std::string_view name : {"NAN"})
        if (equalsIgnoringCase(text, name))
            return special(Decimal::Sign::NaN);
    for (const std::string_view name : {"INFINITY", "+INFINITY", "INF", "POSITIVE_INFINITY"})
        if (equalsIgnoringCase(text, name))
            return special(Decimal::Sign::PositiveInfinity);
    for (const std::string_view name : {"-INFINITY", "-INF", "NEGATIVE_INFINITY"})
        if (equalsIgnoringCase(text, name))
            return special(Decimal::Sign::NegativeInfinity);
    return std::nullopt;
}

} // namespace

Decimal decimalFromUnscaled(const uint8_t* bytes, size_t size, int scale) {
    const bool negative = size > 0 && (bytes[0] & 0x80);
    if (size <= 8) {
        int64_t value = negative ? -1 : 0;
        for (size_t i = 0; i < size; ++i)
            value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 | bytes[i]);
        char text[24];
        const uint64_t magnitude = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
        const auto end = std::to_chars(text, text + sizeof(text), magnitude).ptr;
        return fromDigits({text, static_cast<size_t>(end - text)}, negative, scale);
    }
    if (size > 60000)
        throwOutOfRange();
    std::vector<uint32_t> words((size + 3) / 4, 0);
    uint32_t carry = negative ? 1 : 0;
    for (size_t i = 0; i < size; ++i) {
        const uint32_t byte = negative ? (~bytes[size - 1 - i] & 0xFFu) + carry : bytes[size - 1 - i];
        carry = negative ? byte >> 8 : 0;
        words[words.size() - 1 - i / 4] |= (byte & 0xFFu) << (i % 4 * 8);
    }
    return fromDigits(digitsOfMagnitude(std::move(words)), negative, scale);
}

std::optional<Decimal> decimalFromText(std::string_view text) {
    std::string_view rest = text;
    bool negative = false;
    if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) {
        negative = rest[0] == '-';
        rest.remove_prefix(1);
    }
    boost::container::small_vector<char, 64> digits;
    int64_t scale = 0;
    bool point = false;
    size_t at = 0;
    for (; at < rest.size() && (isDigit(rest[at]) || (rest[at] == '.' && !point)); ++at) {
        if (rest[at] == '.') {
            point = true;
            continue;
        }
        digits.push_back(rest[at]);
        scale += point;
    }
    if (digits.empty())
        return specialFromText(text);
    if (at < rest.size() && (rest[at] == 'e' || rest[at] == 'E')) {
        const std::string_view exponentText = rest.substr(at + 1 + (at + 1 < rest.size() && rest[at + 1] == '+'));
        int32_t exponent = 0;
        const auto parsed = std::from_chars(exponentText.data(), exponentText.data() + exponentText.size(), exponent);
        if (parsed.ec == std::errc::result_out_of_range)
            throwOutOfRange();
        if (parsed.ec != std::errc() || exponentText.empty())
            return std::nullopt;
        scale -= exponent;
        at = static_cast<size_t>(parsed.ptr - rest.data());
    }
    if (at != rest.size())
        return std::nullopt;
    std::optional<Decimal> decimal(std::in_place); // assigned: GCC 12 sees an overread in the constructor that moves
    *decimal = fromDigits({digits.data(), digits.size()}, negative, scale);
    return decimal;
}

int Decimal::integerDigits() const {
    if (digits.empty())
        return 0;
    const int first = digits.front();
    return weight * 4 + (first >= 1000 ? 4 : first >= 100 ? 3 : first >= 10 ? 2 : 1);
}

int Decimal::fractionDigits() const {
    if (digits.empty())
        return 0;
    const int last = digits.back();
    const int zeros = last % 10 != 0 ? 0 : last % 100 != 0 ? 1 : last % 1000 != 0 ? 2 : 3;
    return (static_cast<int>(digits.size()) - 1 - weight) * 4 - zeros;
}

namespace {

/// Cuts what lies below 10^-scale and tells the first digit cut off.
int cutBelow(Decimal& decimal, int scale) {
    // Digits to keep of all that the groups hold, counted from the first group's thousands.
    const int keep = (decimal.weight + 1) * 4 + scale;
    if (keep < 0) {
        decimal.digits.clear();
        return 0;
    }
    constexpr int16_t powers[] = {1000, 100, 10, 1};
    const auto group = static_cast<size_t>(keep / 4);
    if (group >= decimal.digits.size())
        return 0;
    const int16_t unit = powers[keep % 4];
    const int next = decimal.digits[group] / unit % 10;
    const auto lower = static_cast<int16_t>(decimal.digits[group] % (unit * 10));
    decimal.digits[group] = static_cast<int16_t>(decimal.digits[group] - lower);
    decimal.digits.resize(group + 1);
    return next;
}

void addAt(Decimal& decimal, int scale) {
    constexpr int16_t powers[] = {1, 1000, 100, 10};
    const int power = ((scale % 4) + 4) % 4;
    // The group of 10^-scale, relative to the decimal point.
    const int group = scale > 0 ? -((scale + 3) / 4) : -scale / 4;
    if (decimal.digits.empty())
        decimal.weight = static_cast<int16_t>(group);
    auto at = decimal.weight - group;
    if (at < 0) {
        decimal.digits.insert(decimal.digits.begin(), static_cast<size_t>(-at), int16_t{0});
        decimal.weight = static_cast<int16_t>(group);
        at = 0;
    }
    if (static_cast<size_t>(at) >= decimal.digits.size())
        decimal.digits.resize(static_cast<size_t>(at) + 1, 0);
    int carry = powers[power];
    for (; at >= 0 && carry != 0; --at) {
        int16_t& digit = decimal.digits[static_cast<size_t>(at)];
        const int sum = digit + carry;
        digit = static_cast<int16_t>(sum % 10000);
        carry = sum / 10000;
    }
    if (carry != 0) {
        decimal.digits.insert(decimal.digits.begin(), static_cast<int16_t>(carry));
        ++decimal.weight;
    }
}

void normalise(Decimal& decimal) {
    while (!decimal.digits.empty() && decimal.digits.back() == 0)
        decimal.digits.pop_back();
    while (!decimal.digits.empty() && decimal.digits.front() == 0) {
        decimal.digits.erase(decimal.digits.begin());
        --decimal.weight;
    }
    if (decimal.digits.empty()) {
        decimal.weight = 0;
        decimal.sign = Decimal::Sign::Positive;
    }
}

} // namespace

bool limitScale(Decimal& decimal, int scale, Rounding rounding) {
    if (decimal.fractionDigits() > scale && !decimal.digits.empty()) {
        if (rounding == Rounding::Error)
            return false;
        const int next = cutBelow(decimal, scale);
        if (rounding == Rounding::Round && next >= 5)
            addAt(decimal, scale);
        normalise(decimal);
    }
    decimal.displayScale = static_cast<uint16_t>(std::max(scale, 0));
    return true;
}

std::optional<int64_t> toInteger(const Decimal& decimal, int scale) {
    if (!decimal.isFinite())
        return std::nullopt;
    if (decimal.digits.empty())
        return 0;
    if (decimal.fractionDigits() > scale || decimal.integerDigits() + scale > 19)
        return std::nullopt;
    __int128 value = 0;
    for (const int16_t digit : decimal.digits)
        value = value * 10000 + digit;
    int exponent = (decimal.weight - static_cast<int>(decimal.digits.size()) + 1) * 4 + scale;
    for (; exponent > 0; --exponent)
        value *= 10;
    for (; exponent < 0; ++exponent)
        value /= 10;
    if (decimal.sign == Decimal::Sign::Negative)
        value = -value;
    if (value < INT64_MIN || value > INT64_MAX)
        return std::nullopt;
    return static_cast<int64_t>(value);
}

std::string toText(const Decimal& decimal) {
    switch (decimal.sign) {
    case Decimal::Sign::NaN:
        return "NaN";
    case Decimal::Sign::PositiveInfinity:
        return "Infinity";
    case Decimal::Sign::NegativeInfinity:
        return "-Infinity";
    default:
        break;
    }
    const auto group = [&](int index) {
        const int at = decimal.weight - index;
        const bool given = at >= 0 && at < static_cast<int>(decimal.digits.size());
        const std::string text = std::to_string(given ? decimal.digits[static_cast<size_t>(at)] : 0);
        return std::string(4 - text.size(), '0') + text;
    };
    std::string integer;
    for (int index = decimal.weight; index >= 0; --index)
        integer += group(index);
    integer.erase(0, std::min(integer.find_first_not_of('0'), integer.size()));
    std::string fraction;
    for (int index = -1; static_cast<int>(fraction.size()) < decimal.displayScale; --index)
        fraction += group(index);
    fraction.resize(decimal.displayScale);
    std::string text = decimal.sign == Decimal::Sign::Negative ? "-" : "";
    text += integer.empty() ? "0" : integer;
    return fraction.empty() ? text : text + "." + fraction;
}

} // namespace standin
