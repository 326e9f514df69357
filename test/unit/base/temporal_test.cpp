#include <gtest/gtest.h>

#include "base/error.h"
#include "base/temporal.h"

namespace standin::temporal {
namespace {

// Expected values are PostgreSQL's own: (value - '2000-01-01') of the type.
TEST(Temporal, Dates) {
    EXPECT_EQ(dateFromUnixDays(0), -10957);
    EXPECT_EQ(dateFromUnixDays(10957), 0);
    EXPECT_EQ(dateFromUnixDays(-141432), -152389); // 1582-10-10 as streamed
    EXPECT_EQ(dateFromUnixDays(-622191234), dateInfinity);
    EXPECT_EQ(dateFromUnixDays(-2147472692), dateInfinity);
    EXPECT_EQ(dateFromUnixDays(-625821272), dateMinusInfinity);
    EXPECT_EQ(dateFromUnixDays(-2147472691), dateMinusInfinity);
    EXPECT_EQ(dateFromUnixDays(2145042905), 2145031948); // 5874897-12-31
    EXPECT_THROW(dateFromUnixDays(2145042906), Error);
    EXPECT_EQ(dateFromUnixDays(-2440588), -2451545); // 4714-11-24 BC
    EXPECT_THROW(dateFromUnixDays(-2440589), Error);
    EXPECT_THROW(dateFromUnixDays(INT64_MAX), Error);
}

TEST(Temporal, TimesOfDay) {
    EXPECT_EQ(timeOfDay(1, Unit::Milliseconds), 1000);
    EXPECT_EQ(timeOfDay(86400000, Unit::Milliseconds), microsecondsPerDay);
    EXPECT_EQ(timeOfDay(1999, Unit::Nanoseconds), 1);
    EXPECT_THROW(timeOfDay(microsecondsPerDay + 1, Unit::Microseconds), Error);
    EXPECT_THROW(timeOfDay(-1, Unit::Nanoseconds), Error);
    EXPECT_THROW(timeOfDay(INT64_MAX, Unit::Milliseconds), Error);
}

TEST(Temporal, Timestamps) {
    EXPECT_EQ(timestampFromUnix(0, Unit::Milliseconds), -946684800000000);
    EXPECT_EQ(timestampFromUnix(946684800000001, Unit::Microseconds), 1);
    EXPECT_EQ(timestampFromUnix(946684799999999999, Unit::Nanoseconds), -1);
    EXPECT_EQ(timestampFromUnix(9223372036825200000, Unit::Microseconds), timestampInfinity);
    EXPECT_EQ(timestampFromUnix(9223372036825200, Unit::Milliseconds), timestampInfinity);
    EXPECT_EQ(timestampFromUnix(-9223372036832400000, Unit::Microseconds), timestampMinusInfinity);
    EXPECT_EQ(timestampFromUnix(-9223372036832400, Unit::Milliseconds), timestampMinusInfinity);
    EXPECT_THROW(timestampFromUnix(-9223372036853775810, Unit::Microseconds),
                 Error); // 294276 AD, wrapped at the source
    EXPECT_THROW(timestampFromUnix(INT64_MIN, Unit::Microseconds), Error);
    EXPECT_THROW(timestampFromUnix(INT64_MAX, Unit::Milliseconds), Error);
}

TEST(Temporal, IsoDates) {
    EXPECT_EQ(dateFromIso("2000-01-01"), 0);
    EXPECT_EQ(dateFromIso("2000-02-29"), 59);
    EXPECT_EQ(dateFromIso("1999-12-31"), -1);
    EXPECT_EQ(dateFromIso("-0043-03-15"), -735160 - 10957); // 44 BC
    EXPECT_EQ(dateFromIso("+12345-06-07"), 3778591);
    EXPECT_EQ(dateFromIso("infinity"), dateInfinity);
    EXPECT_FALSE(dateFromIso("1900-02-29"));
    EXPECT_FALSE(dateFromIso("2000-13-01"));
    EXPECT_FALSE(dateFromIso("2000-1-1"));
    EXPECT_FALSE(dateFromIso("2000-01-01 "));
}

TEST(Temporal, IsoTimes) {
    EXPECT_EQ(timeFromIso("00:00"), 0);
    EXPECT_EQ(timeFromIso("24:00:00"), microsecondsPerDay);
    EXPECT_EQ(timeFromIso("12:34:56.789012999"), 45296789012);
    EXPECT_FALSE(timeFromIso("24:00:01"));
    EXPECT_FALSE(timeFromIso("12:60:00"));
    EXPECT_FALSE(timeFromIso("12:00:00."));
}

TEST(Temporal, IsoTimestamps) {
    EXPECT_EQ(timestampFromIso("2000-01-01T00:00:00Z"), 0);
    EXPECT_EQ(timestampFromIso("2000-01-01T00:00:00.000001Z"), 1);
    EXPECT_EQ(timestampFromIso("2000-01-01T02:00:00+02:00"), 0);
    EXPECT_EQ(timestampFromIso("1999-12-31T18:30:00-05:30"), 0);
    EXPECT_EQ(timestampFromIso("2000-01-01T00:00:00"), 0);
    EXPECT_EQ(timestampFromIso("-0043-03-15T12:34:56.789012Z"), (-735160LL - 10957) * microsecondsPerDay + 45296789012);
    EXPECT_EQ(timestampFromIso("infinity"), timestampInfinity);
    EXPECT_EQ(timestampFromIso("-infinity"), timestampMinusInfinity);
    EXPECT_FALSE(timestampFromIso("2000-01-01"));
    EXPECT_FALSE(timestampFromIso("2000-01-01T00:00:00 Europe/Berlin"));
    EXPECT_THROW(timestampFromIso("+294277-01-01T00:00:00Z"), Error);
}

} // namespace
} // namespace standin::temporal
