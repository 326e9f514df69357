#include "base/temporal.h"

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

[[noreturn]] void throwOutOfRange(const char* what, int64_t value) {
    throw Error("22008", std::string(what) + " out of range: " + std::to_string(value));
}

int64_t floorDivide(int64_t value, int64_t divisor) { return value / divisor - (value % divisor < 0 ? 1 : 0); }

int32_t checkedDate(int64_t days) {
    if (days < dateMin || days >= dateEnd)
        throwOutOfRange("date", days);
    return static_cast<int32_t>(days);
}

int64_t checkedTimestamp(int64_t microseconds) {
    if (microseconds < timestampMin || microseconds >= timestampEnd)
        throwOutOfRange("timestamp", microseconds);
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
    /// Microseconds since midnight. java.time leaves seconds out when they are zero.
    bool time(int64_t& microseconds) {
        int64_t hour, minute, second = 0, fraction = 0;
        if (!number(2, 2, hour) || !take(':') || !number(2, 2, minute))
            return false;
        if (take(':') && !number(2, 2, second))
            return false;
        if (take('.')) {
            int64_t scale = 100000;
            size_t digits = 0;
            for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9' && digits < 9; ++digits) {
                fraction += (rest.front() - '0') * scale;
                scale /= 10;
                rest.remove_prefix(1);
            }
            if (digits == 0)
                return false;
        }
        microseconds = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
        return minute < 60 && second < 60 && microseconds <= microsecondsPerDay;
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
            throwOutOfRange("date", days);
        return checkedDate(days - unixEpochDays);
    }
}

int64_t timeOfDay(int64_t sinceMidnight, Unit unit) {
    int64_t microseconds = sinceMidnight;
    if (unit == Unit::Nanoseconds)
        microseconds = floorDivide(sinceMidnight, 1000);
    else if (unit == Unit::Milliseconds && __builtin_mul_overflow(sinceMidnight, 1000, &microseconds))
        throwOutOfRange("time", sinceMidnight);
    if (microseconds < 0 || microseconds > microsecondsPerDay)
        throwOutOfRange("time", sinceMidnight);
    return microseconds;
}

int64_t timestampFromUnix(int64_t sinceEpoch, Unit unit) {
    constexpr int64_t infinity = 9223372036825200000;
    constexpr int64_t minusInfinity = -9223372036832400000;
    const int64_t sentinelUnit = unit == Unit::Milliseconds ? 1000 : 1;
    if (unit != Unit::Nanoseconds && sinceEpoch == infinity / sentinelUnit)
        return timestampInfinity;
    if (unit != Unit::Nanoseconds && sinceEpoch == minusInfinity / sentinelUnit)
        return timestampMinusInfinity;
    int64_t microseconds = sinceEpoch;
    if (unit == Unit::Nanoseconds)
        microseconds = floorDivide(sinceEpoch, 1000);
    else if (unit == Unit::Milliseconds && __builtin_mul_overflow(sinceEpoch, 1000, &microseconds))
        throwOutOfRange("timestamp", sinceEpoch);
    if (__builtin_sub_overflow(microseconds, unixEpochMicroseconds, &microseconds))
        throwOutOfRange("timestamp", sinceEpoch);
    return checkedTimestamp(microseconds);
}

std::optional<int32_t> dateFromIso(std::string_view text) {
    if (text == "infinity")
        return dateInfinity;
    if (text == "-infinity")
        return dateMinusInfinity;
    Reader reader{text};
    int64_t days;
    if (!reader.date(days) || !reader.rest.empty())
        return std::nullopt;
    return checkedDate(days);
}

std::optional<int64_t> timeFromIso(std::string_view text) {
    Reader reader{text};
    int64_t microseconds;
    if (!reader.time(microseconds) || !reader.rest.empty())
        return std::nullopt;
    return microseconds;
}

std::optional<int64_t> timestampFromIso(std::string_view text) {
    if (text == "infinity")
        return timestampInfinity;
    if (text == "-infinity")
        return timestampMinusInfinity;
    Reader reader{text};
    int64_t days, time, offset;
    if (!reader.date(days) || !(reader.take('T') || reader.take(' ')) || !reader.time(time) || !reader.offset(offset) ||
        !reader.rest.empty())
        return std::nullopt;
    int64_t microseconds;
    if (__builtin_mul_overflow(days, microsecondsPerDay, &microseconds) ||
        __builtin_add_overflow(microseconds, time - offset, &microseconds))
        throwOutOfRange("timestamp", days);
    return checkedTimestamp(microseconds);
}

} // namespace standin::temporal
