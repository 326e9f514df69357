#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/rounding.h"

namespace standin {

/// As PostgreSQL stores it.
struct Interval {
    int64_t microseconds = 0;
    int32_t days = 0;
    int32_t months = 0;

    bool operator==(const Interval&) const = default;
};

/// Times as PostgreSQL stores them: days or microseconds since 2000-01-01. Each conversion is exact, or rounds as
/// declared, or throws 22008. No error names the value.
namespace temporal {

inline constexpr int32_t dateInfinity = INT32_MAX;
inline constexpr int32_t dateMinusInfinity = INT32_MIN;
inline constexpr int64_t timestampInfinity = INT64_MAX;
inline constexpr int64_t timestampMinusInfinity = INT64_MIN;
inline constexpr int64_t microsecondsPerDay = 86400000000;

enum class Unit : uint8_t { Milliseconds, Microseconds, Nanoseconds };

/// How many digits a second's fraction may have (at most six), and what becomes of more.
struct Fraction {
    int digits = 6;
    Rounding rounding = Rounding::Error;
};

/// Debezium's days since 1970-01-01, with the values its PostgreSQL connector writes for the infinities.
int32_t dateFromUnixDays(int64_t days);
/// Time since midnight; 24:00:00 is legal.
int64_t timeOfDay(int64_t sinceMidnight, Unit unit, Fraction fraction = {});
/// Time since 1970-01-01T00:00:00, with the values Debezium's PostgreSQL connector writes for the infinities.
int64_t timestampFromUnix(int64_t sinceEpoch, Unit unit, Fraction fraction = {});
Interval intervalFromCount(int64_t count, Unit unit, Fraction fraction = {});

/// ISO 8601 as java.time and Debezium write it: extended years with a sign, year 0 is 1 BC, a fraction of up to nine
/// digits, a Z after dates and times of day. Nothing if the text has another form (the type's own input function may
/// know it).
std::optional<int32_t> dateFromIso(std::string_view text);
std::optional<int64_t> timeFromIso(std::string_view text, Fraction fraction = {});
/// The offset (Z or +hh:mm[:ss]) is subtracted; without one the clock shown is taken.
std::optional<int64_t> timestampFromIso(std::string_view text, Fraction fraction = {});
/// P1Y2M3DT4H5M6.7S, each number with its own sign.
std::optional<Interval> intervalFromIso(std::string_view text, Fraction fraction = {});

/// Whether a number in the text has more than `digits` digits after its point: what an input function would round.
bool exceedsFraction(std::string_view text, int digits);

/// In the forms that PostgreSQL's input functions read.
std::string dateToText(int32_t days);
std::string timeToText(int64_t microseconds);
std::string timestampToText(int64_t microseconds);
std::string intervalToText(const Interval& interval);

} // namespace temporal
} // namespace standin
