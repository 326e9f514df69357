#include "standin/accept/amount.h"

#include <algorithm>

#include "base/error.h"

namespace standin::core {

namespace {

[[noreturn]] void notANumber(std::string_view text) {
    throw Error("22P02", "\"" + std::string(text.substr(0, 64)) + "\" is not a decimal number", {},
                "Write amounts as plain decimals, like 12.50.");
}

[[noreturn]] void doesNotFit(std::string_view text) {
    throw Error("22003", "number \"" + std::string(text.substr(0, 64)) + "\" is out of range",
                "At most 24 digits before and 12 after the decimal point are exact.");
}

} // namespace

Decimal Decimal::parse(std::string_view text) {
    std::string_view rest = text;
    const bool minus = !rest.empty() && rest.front() == '-';
    if (minus)
        rest.remove_prefix(1);
    Int value = 0;
    int before = 0;
    int after = -1; // digits after the point, -1 before it
    bool digits = false;
    for (const char c : rest) {
        if (c == '.' && after < 0) {
            after = 0;
            continue;
        }
        if (c < '0' || c > '9')
            notANumber(text);
        digits = true;
        if (after >= scale) {
            if (c != '0')
                doesNotFit(text);
            continue;
        }
        if (after >= 0)
            ++after;
        else if ((before > 0 || c != '0') && ++before > digitsBefore)
            doesNotFit(text);
        value = value * 10 + (c - '0');
    }
    if (!digits)
        notANumber(text);
    for (int i = std::max(after, 0); i < scale; ++i)
        value *= 10;
    return Decimal(minus ? -value : value);
}

std::string Decimal::text() const {
    const bool minus = value_ < 0;
    Int rest = minus ? -value_ : value_;
    std::string reversed;
    for (int i = 0; i < scale || rest != 0 || i == scale; ++i) {
        if (i == scale && !reversed.empty())
            reversed.push_back('.');
        const char digit = static_cast<char>('0' + static_cast<int>(rest % 10));
        if (i >= scale || !reversed.empty() || digit != '0') // no trailing zeros after the point
            reversed.push_back(digit);
        rest /= 10;
    }
    if (minus)
        reversed.push_back('-');
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
}

// 24 + 12 digits and a few sums of them are far inside 128 bits (38 digits).
Decimal operator+(Decimal left, Decimal right) { return Decimal(left.value_ + right.value_); }
Decimal operator-(Decimal left, Decimal right) { return Decimal(left.value_ - right.value_); }

} // namespace standin::core
