#include "base/temporal.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/error.h"

namespace standin::temporal {

namespace {

constexpr int64_t unixEpochDays = 10957; // days from 1970-01-01 to 2000-01-01
constexpr int64_t unixEpochMicroseconds = unixEpochDays * microsecondsPerDay;
// PostgreSQL's limits: 4714-11-24 BC up to 5874897-12-31 for dates and up to 294276-12-31 for timestamps.
constexpr int64_t dateMin = -2451545;
constexpr int64_t dateEnd = 2145031949;
constexpr int64_t timestampMin = -211813488000000000;
constexpr int64_t timestampEnd = 9223371331200000000;

[[noreturn]] void throwOutOfRange(const char* what) { throw Error("22008", std::string(what) + " out of range"); }

int64_t floorDivide(int64_t value, int64_t divisor) { return value / divisor - (value % divisor < 0 ? 1 : 0); }

enum class Kind : uint8_t { Point, Duration };

/// A multiple of `quantum` for `value`.
int64_t limited(int64_t value, int64_t quantum, Rounding rounding, Kind kind) {
    int64_t remainder = value % quantum;
    if (remainder == 0)
        return value;
    if (rounding == Rounding::Error)
        throw Error("22008", "more fraction digits of a second than the column can hold");
    if (kind == Kind::Point && remainder < 0)
        remainder += quantum;
    int64_t step = 0;
    if (rounding == Rounding::Round && std::abs(remainder) * 2 >= quantum)
        step = remainder < 0 ? -quantum : quantum;
    int64_t result = 0;
    if (__builtin_sub_overflow(value, remainder, &result) || __builtin_add_overflow(result, step, &result))
        throwOutOfRange("time");
    return result;
}

constexpr int64_t powersOfTen[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

int64_t limitedMicroseconds(int64_t value, Fraction fraction, Kind kind) {
    return fraction.digits >= 6 ? value : limited(value, powersOfTen[6 - fraction.digits], fraction.rounding, kind);
}

/// Microseconds of a count, not finer than `fraction`.
int64_t microsecondsOf(int64_t count, Unit unit, Fraction fraction, const char* what, Kind kind = Kind::Point) {
    if (unit == Unit::Microseconds)
        return limitedMicroseconds(count, fraction, kind);
    if (unit == Unit::Nanoseconds) // rounded once, not twice
        return limited(count, powersOfTen[9 - std::min(fraction.digits, 6)], fraction.rounding, kind) / 1000;
    int64_t microseconds = 0;
    if (__builtin_mul_overflow(count, 1000, &microseconds))
        throwOutOfRange(what);
    return limitedMicroseconds(microseconds, fraction, kind);
}

int32_t checkedDate(int64_t days) {
    if (days < dateMin || days >= dateEnd)
        throwOutOfRange("date");
    return static_cast<int32_t>(days);
}

int64_t checkedTimestamp(int64_t microseconds) {
    if (microseconds < timestampMin || microseconds >= timestampEnd)
        throwOutOfRange("timestamp");
    return microseconds;
}

/// Days from 2000-01-01 to a date of the proleptic Gregorian calendar (Howard Hinnant's days_from_civil).
int64_t daysFromCivil(int64_t year, int64_t month, int64_t day) {
    year -= month <= 2;
    const int64_t era = floorDivide(year, 400);
    const int64_t yearOfEra = year - era * 400;
    const int64_t dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
    return era * 146097 + dayOfEra - 719468 - unixEpochDays;
}

int daysInMonth(int64_t year, int month) {
    constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct Reader {
    std::string_view rest;

    bool take(char wanted) {
        if (rest.empty() || rest.front() != wanted)
            return false;
        rest.remove_prefix(1);
        return true;
    }
    bool number(size_t minimum, size_t maximum, int64_t& value) {
        size_t length = 0;
        value = 0;
        for (; length < maximum && length < rest.size() && rest[length] >= '0' && rest[length] <= '9'; ++length)
            value = value * 10 + (rest[length] - '0');
        rest.remove_prefix(length);
        return length >= minimum;
    }
    bool date(int64_t& days) {
        const bool negative = take('-');
        const bool extended = negative || take('+');
        int64_t year, month, day;
        if (!number(4, extended ? 9 : 4, year) || !take('-') || !number(2, 2, month) || !take('-') ||
            !number(2, 2, day))
            return false;
        if (negative)
            year = -year;
        if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, static_cast<int>(month)))
            return false;
        days = daysFromCivil(year, month, day);
        return true;
    }
    /// Nanoseconds since midnight. java.time leaves seconds out when they are zero.
    bool time(int64_t& nanoseconds) {
        int64_t hour, minute, second = 0, fraction = 0;
        if (!number(2, 2, hour) || !take(':') || !number(2, 2, minute))
            return false;
        if (take(':') && !number(2, 2, second))
            return false;
        if (take('.') && !nanosecondsOfSecond(fraction))
            return false;
        nanoseconds = ((hour * 60 + minute) * 60 + second) * 1000000000 + fraction;
        return minute < 60 && second < 60 && nanoseconds <= microsecondsPerDay * 1000;
    }
    /// What follows the point: one to nine digits.
    bool nanosecondsOfSecond(int64_t& nanoseconds) {
        const size_t before = rest.size();
        if (!number(1, 9, nanoseconds))
            return false;
        nanoseconds *= powersOfTen[9 - (before - rest.size())];
        return true;
    }
    /// Z, or an offset with its sign; `microseconds` is zero if there is none.
    bool offset(int64_t& microseconds) {
        microseconds = 0;
        if (rest.empty() || take('Z'))
            return true;
        const bool negative = take('-');
        int64_t hour, minute = 0, second = 0;
        if ((!negative && !take('+')) || !number(2, 2, hour))
            return false;
        if (take(':') && !number(2, 2, minute))
            return false;
        if (take(':') && !number(2, 2, second))
            return false;
        microseconds = ((hour * 60 + minute) * 60 + second) * 1000000 * (negative ? -1 : 1);
        return hour < 24 && minute < 60 && second < 60;
    }
};

} // namespace

int32_t dateFromUnixDays(int64_t days) {
    // Infinities: pgjdbc's calendar in snapshots, PostgreSQL's own day numbers wrapped around in streams.
    switch (days) {
    case -622191234:
    case -2147472692:
        return dateInfinity;
    case -625821272:
    case -2147472691:
        return dateMinusInfinity;
    default:
        if (days > INT32_MAX || days < INT32_MIN)
            throwOutOfRange("date");
        return checkedDate(days - unixEpochDays);
    }
}

int64_t timeOfDay(int64_t sinceMidnight, Unit unit, Fraction fraction) {
    const int64_t microseconds = microsecondsOf(sinceMidnight, unit, fraction, "time");
    if (microseconds < 0 || microseconds > microsecondsPerDay)
        throwOutOfRange("time");
    return microseconds;
}

namespace {

// What Debezium's PostgreSQL connector makes of the infinities, in microseconds since 1970.
constexpr int64_t unixInfinity = 9223372036825200000;
constexpr int64_t unixMinusInfinity = -9223372036832400000;

std::optional<int64_t> infinityFromUnix(int64_t sinceEpoch, Unit unit) {
    if (unit == Unit::Nanoseconds) {
        if (sinceEpoch != INT64_MAX && sinceEpoch != INT64_MIN)
            return std::nullopt;
        return sinceEpoch;
    }
    const int64_t sentinelUnit = unit == Unit::Milliseconds ? 1000 : 1;
    if (sinceEpoch == unixInfinity / sentinelUnit)
        return timestampInfinity;
    if (sinceEpoch == unixMinusInfinity / sentinelUnit)
        return timestampMinusInfinity;
    return std::nullopt;
}

} // namespace

int64_t timestampFromUnix(int64_t sinceEpoch, Unit unit, Fraction fraction) {
    if (const auto infinity = infinityFromUnix(sinceEpoch, unit))
        return *infinity;
    int64_t microseconds = microsecondsOf(sinceEpoch, unit, fraction, "timestamp");
    if (__builtin_sub_overflow(microseconds, unixEpochMicroseconds, &microseconds))
        throwOutOfRange("timestamp");
    return checkedTimestamp(microseconds);
}

Interval intervalFromCount(int64_t count, Unit unit, Fraction fraction) {
    return {microsecondsOf(count, unit, fraction, "interval", Kind::Duration), 0, 0};
}

std::optional<int32_t> dateFromIso(std::string_view text) {
    if (text == "infinity")
        return dateInfinity;
    if (text == "-infinity")
        return dateMinusInfinity;
    Reader reader{text};
    int64_t days;
    if (!reader.date(days))
        return std::nullopt;
    reader.take('Z');
    if (!reader.rest.empty())
        return std::nullopt;
    return dateFromUnixDays(days + unixEpochDays);
}

std::optional<int64_t> timeFromIso(std::string_view text, Fraction fraction) {
    Reader reader{text};
    int64_t nanoseconds;
    if (!reader.time(nanoseconds))
        return std::nullopt;
    reader.take('Z');
    if (!reader.rest.empty())
        return std::nullopt;
    return microsecondsOf(nanoseconds, Unit::Nanoseconds, fraction, "time");
}

std::optional<int64_t> timestampFromIso(std::string_view text, Fraction fraction) {
    if (text == "infinity")
        return timestampInfinity;
    if (text == "-infinity")
        return timestampMinusInfinity;
    Reader reader{text};
    int64_t days, nanoseconds, offset;
    if (!reader.date(days) || !(reader.take('T') || reader.take(' ')) || !reader.time(nanoseconds) ||
        !reader.offset(offset) || !reader.rest.empty())
        return std::nullopt;
    // A day's worth is rounded by itself: the sum in nanoseconds would overflow.
    const int64_t time = microsecondsOf(nanoseconds, Unit::Nanoseconds, fraction, "timestamp");
    // Wide: the connector's minus infinity is a time that 64 bits since 2000 cannot hold.
    const __int128 microseconds = static_cast<__int128>(days) * microsecondsPerDay + time - offset;
    if (microseconds + unixEpochMicroseconds == unixInfinity)
        return timestampInfinity;
    if (microseconds + unixEpochMicroseconds == unixMinusInfinity)
        return timestampMinusInfinity;
    if (microseconds != static_cast<int64_t>(microseconds))
        throwOutOfRange("timestamp");
    return checkedTimestamp(static_cast<int64_t>(microseconds));
}

bool exceedsFraction(std::string_view text, int digits) {
    for (size_t point = text.find('.'); point != std::string_view::npos; point = text.find('.', point + 1)) {
        size_t at = point + 1;
        for (int digit = 0; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digit)
            if (digit >= digits && text[at] != '0')
                return true;
    }
    return false;
}

} // namespace standin::temporal
