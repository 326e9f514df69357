#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace standin {

/// Times as PostgreSQL stores them: days or microseconds since 2000-01-01. Each conversion is exact or throws 22008;
/// what is finer than a microsecond is cut off towards the past.
namespace temporal {

inline constexpr int32_t dateInfinity = INT32_MAX;
inline constexpr int32_t dateMinusInfinity = INT32_MIN;
inline constexpr int64_t timestampInfinity = INT64_MAX;
inline constexpr int64_t timestampMinusInfinity = INT64_MIN;
inline constexpr int64_t microsecondsPerDay = 86400000000;

enum class Unit : uint8_t { Milliseconds, Microseconds, Nanoseconds };

/// Debezium's days since 1970-01-01, with the values its PostgreSQL connector writes for the infinities.
int32_t dateFromUnixDays(int64_t days);
/// Time since midnight; 24:00:00 is legal.
int64_t timeOfDay(int64_t sinceMidnight, Unit unit);
/// Time since 1970-01-01T00:00:00, with the values Debezium's PostgreSQL connector writes for the infinities.
int64_t timestampFromUnix(int64_t sinceEpoch, Unit unit);

/// ISO 8601 as java.time writes it: extended years with a sign, year 0 is 1 BC, a fraction of up to nine digits.
/// Nothing if the text has another form (the type's own input function may know it).
std::optional<int32_t> dateFromIso(std::string_view text);
std::optional<int64_t> timeFromIso(std::string_view text);
/// The offset (Z or +hh:mm[:ss]) is subtracted; without one the clock shown is taken.
std::optional<int64_t> timestampFromIso(std::string_view text);

} // namespace temporal
} // namespace standin
