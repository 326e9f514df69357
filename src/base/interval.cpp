#include <cstdio>
#include <limits>

#include "base/error.h"
#include "base/temporal.h"

namespace standin::temporal {

namespace {

[[noreturn]] void throwOutOfRange() { throw Error("22008", "interval out of range"); }

/// One number of an ISO interval: its sign, its whole part and, in nanoseconds, its fraction.
struct Number {
    int64_t whole = 0;
    int64_t nanoseconds = 0;
    bool fractional = false;
};

class IntervalReader {
public:
    explicit IntervalReader(std::string_view text) : rest_(text) {}

    bool empty() const { return rest_.empty(); }
    bool take(char wanted) {
        if (rest_.empty() || rest_.front() != wanted)
            return false;
        rest_.remove_prefix(1);
        return true;
    }
    bool number(Number& number) {
        const bool negative = take('-');
        if (!negative)
            take('+');
        if (!digits(number, negative))
            return false;
        if (!take('.'))
            return true;
        number.fractional = true;
        int64_t unit = 100000000;
        const size_t before = rest_.size();
        for (; !rest_.empty() && isDigit(rest_.front()); rest_.remove_prefix(1), unit /= 10) {
            const int64_t part = (rest_.front() - '0') * unit;
            if (unit == 0 && rest_.front() != '0')
                throw Error("22008", "an interval finer than nanoseconds");
            number.nanoseconds += negative ? -part : part;
        }
        return rest_.size() != before;
    }

private:
    static bool isDigit(char character) { return character >= '0' && character <= '9'; }
    bool digits(Number& number, bool negative) {
        const size_t before = rest_.size();
        for (; !rest_.empty() && isDigit(rest_.front()); rest_.remove_prefix(1)) {
            const int64_t digit = rest_.front() - '0';
            if (__builtin_mul_overflow(number.whole, 10, &number.whole) ||
                __builtin_add_overflow(number.whole, negative ? -digit : digit, &number.whole))
                throwOutOfRange();
        }
        return rest_.size() != before;
    }

    std::string_view rest_;
};

template <class T> void add(T& total, int64_t count, int64_t unit) {
    int64_t part = 0, sum = 0;
    if (__builtin_mul_overflow(count, unit, &part) || __builtin_add_overflow(int64_t{total}, part, &sum) ||
        sum > std::numeric_limits<T>::max() || sum < std::numeric_limits<T>::min())
        throwOutOfRange();
    total = static_cast<T>(sum);
}

bool addDatePart(IntervalReader& reader, const Number& number, Interval& interval) {
    if (number.fractional)
        return false;
    if (reader.take('Y'))
        add(interval.months, number.whole, 12);
    else if (reader.take('M'))
        add(interval.months, number.whole, 1);
    else if (reader.take('W'))
        add(interval.days, number.whole, 7);
    else if (reader.take('D'))
        add(interval.days, number.whole, 1);
    else
        return false;
    return true;
}

bool addTimePart(IntervalReader& reader, const Number& number, Fraction fraction, Interval& interval) {
    constexpr int64_t second = 1000000;
    if (reader.take('S')) {
        add(interval.microseconds, number.whole, second);
        add(interval.microseconds, intervalFromCount(number.nanoseconds, Unit::Nanoseconds, fraction).microseconds, 1);
    } else if (number.fractional) {
        return false;
    } else if (reader.take('H')) {
        add(interval.microseconds, number.whole, 3600 * second);
    } else if (reader.take('M')) {
        add(interval.microseconds, number.whole, 60 * second);
    } else {
        return false;
    }
    return true;
}

} // namespace

std::optional<Interval> intervalFromIso(std::string_view text, Fraction fraction) {
    IntervalReader reader(text);
    Interval interval;
    if (!reader.take('P') || reader.empty())
        return std::nullopt;
    bool time = false;
    while (!reader.empty()) {
        if (!time && reader.take('T')) {
            time = true;
            if (reader.empty())
                return std::nullopt;
        }
        Number number;
        if (!reader.number(number))
            return std::nullopt;
        if (!(time ? addTimePart(reader, number, fraction, interval) : addDatePart(reader, number, interval)))
            return std::nullopt;
    }
    return interval;
}

std::string intervalToText(const Interval& interval) {
    const int64_t microseconds = interval.microseconds;
    const bool negative = microseconds < 0;
    const uint64_t magnitude =
        negative ? ~static_cast<uint64_t>(microseconds) + 1 : static_cast<uint64_t>(microseconds);
    const uint64_t seconds = magnitude / 1000000;
    std::string date;
    if (interval.months != 0 || interval.days != 0)
        date = std::to_string(interval.months) + " mons " + std::to_string(interval.days) + " days ";
    char time[48];
    std::snprintf(time, sizeof(time), "%s%02lu:%02lu:%02lu.%06lu", negative ? "-" : "", seconds / 3600,
                  seconds / 60 % 60, seconds % 60, magnitude % 1000000);
    return date + time;
}

std::string timeToText(int64_t microseconds) {
    char text[48];
    const int64_t seconds = microseconds / 1000000;
    int size = std::snprintf(text, sizeof(text), "%02ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if (microseconds % 1000000 != 0)
        size += std::snprintf(text + size, sizeof(text) - static_cast<size_t>(size), ".%06ld", microseconds % 1000000);
    return {text, static_cast<size_t>(size)};
}

namespace {

/// The date and whether it is before Christ (Howard Hinnant's civil_from_days).
std::string civil(int64_t days, bool& beforeChrist) {
    days += 10957 + 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t dayOfEra = days - era * 146097;
    const int64_t yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
    const int64_t dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    const int64_t shifted = (5 * dayOfYear + 2) / 153;
    const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    const int64_t year = yearOfEra + era * 400 + (month <= 2);
    beforeChrist = year <= 0;
    char text[48];
    const int size = std::snprintf(text, sizeof(text), "%04ld-%02ld-%02ld", beforeChrist ? 1 - year : year, month,
                                   dayOfYear - (153 * shifted + 2) / 5 + 1);
    return {text, static_cast<size_t>(size)};
}

} // namespace

std::string dateToText(int32_t days) {
    if (days == dateInfinity || days == dateMinusInfinity)
        return days > 0 ? "infinity" : "-infinity";
    bool beforeChrist = false;
    const std::string text = civil(days, beforeChrist);
    return beforeChrist ? text + " BC" : text;
}

std::string timestampToText(int64_t microseconds) {
    if (microseconds == timestampInfinity || microseconds == timestampMinusInfinity)
        return microseconds > 0 ? "infinity" : "-infinity";
    const int64_t days = microseconds / microsecondsPerDay - (microseconds % microsecondsPerDay < 0);
    bool beforeChrist = false;
    const std::string text = civil(days, beforeChrist) + " " + timeToText(microseconds - days * microsecondsPerDay);
    return beforeChrist ? text + " BC" : text;
}

} // namespace standin::temporal
