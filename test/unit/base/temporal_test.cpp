#include <gtest/gtest.h>

#include "base/error.h"
#include "base/temporal.h"

namespace standin::temporal {
namespace {

constexpr Fraction truncated{6, Rounding::Truncate};
constexpr Fraction rounded{6, Rounding::Round};

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
    EXPECT_EQ(timeOfDay(1000, Unit::Nanoseconds), 1);
    EXPECT_THROW(timeOfDay(1999, Unit::Nanoseconds), Error);
    EXPECT_EQ(timeOfDay(1999, Unit::Nanoseconds, truncated), 1);
    EXPECT_EQ(timeOfDay(1999, Unit::Nanoseconds, rounded), 2);
    EXPECT_EQ(timeOfDay(86399999999999, Unit::Nanoseconds, rounded), microsecondsPerDay);
    EXPECT_THROW(timeOfDay(microsecondsPerDay + 1, Unit::Microseconds), Error);
    EXPECT_THROW(timeOfDay(-1, Unit::Nanoseconds), Error);
    EXPECT_THROW(timeOfDay(INT64_MAX, Unit::Milliseconds), Error);
}

TEST(Temporal, Timestamps) {
    EXPECT_EQ(timestampFromUnix(0, Unit::Milliseconds), -946684800000000);
    EXPECT_EQ(timestampFromUnix(946684800000001, Unit::Microseconds), 1);
    EXPECT_THROW(timestampFromUnix(946684799999999999, Unit::Nanoseconds), Error);
    EXPECT_EQ(timestampFromUnix(946684799999999999, Unit::Nanoseconds, truncated), -1);
    EXPECT_EQ(timestampFromUnix(946684799999999999, Unit::Nanoseconds, rounded), 0);
    EXPECT_EQ(timestampFromUnix(-1, Unit::Nanoseconds, truncated), -946684800000001); // the past is 1969
    EXPECT_EQ(timestampFromUnix(INT64_MAX, Unit::Nanoseconds), timestampInfinity);
    EXPECT_EQ(timestampFromUnix(INT64_MIN, Unit::Nanoseconds), timestampMinusInfinity);
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
    EXPECT_EQ(dateFromIso("2017-09-15Z"), 6467);
    EXPECT_EQ(dateFromIso("-5877611-06-21Z"), dateInfinity); // as the PostgreSQL connector writes it
    EXPECT_EQ(dateFromIso("-5877611-06-22Z"), dateMinusInfinity);
    EXPECT_FALSE(dateFromIso("1900-02-29"));
    EXPECT_FALSE(dateFromIso("2000-13-01"));
    EXPECT_FALSE(dateFromIso("2000-1-1"));
    EXPECT_FALSE(dateFromIso("2000-01-01 "));
}

TEST(Temporal, IsoTimes) {
    EXPECT_EQ(timeFromIso("00:00"), 0);
    EXPECT_EQ(timeFromIso("24:00:00"), microsecondsPerDay);
    EXPECT_EQ(timeFromIso("12:34:56.789012000"), 45296789012);
    EXPECT_EQ(timeFromIso("20:05:16.445Z"), 72316445000);
    EXPECT_THROW(timeFromIso("12:34:56.789012999"), Error);
    EXPECT_EQ(timeFromIso("12:34:56.789012999", truncated), 45296789012);
    EXPECT_EQ(timeFromIso("12:34:56.789012999", rounded), 45296789013);
    EXPECT_EQ(timeFromIso("12:34:56.5", {0, Rounding::Round}), 45297000000);
    EXPECT_THROW(timeFromIso("12:34:56.5", Fraction{0, Rounding::Error}), Error);
    EXPECT_FALSE(timeFromIso("12:34:56.0000000000"));
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

TEST(Temporal, InfinityAsIsoTimestamp) {
    EXPECT_EQ(timestampFromIso("+294247-01-10T04:00:25.2Z"), timestampInfinity);
    EXPECT_EQ(timestampFromIso("-290308-12-21T19:59:27.6Z"), timestampMinusInfinity);
}

Interval iso(std::string_view text, Fraction fraction = {}) {
    const auto interval = intervalFromIso(text, fraction);
    return interval ? *interval : Interval{-1, -1, -1};
}

TEST(Temporal, IsoIntervals) {
    EXPECT_EQ(iso("P1Y2M3DT4H5M6.78S"), (Interval{14706780000, 3, 14}));
    EXPECT_EQ(iso("P-1Y2M3DT-4H5M-6.78S"), (Interval{-14106780000, 3, -10}));
    EXPECT_EQ(iso("P0Y0M0DT0H0M0.000001S"), (Interval{1, 0, 0}));
    EXPECT_EQ(iso("P0Y0M0DT0H0M-0.5S"), (Interval{-500000, 0, 0}));
    EXPECT_EQ(iso("P2W"), (Interval{0, 14, 0}));
    EXPECT_EQ(iso("PT2562047788H"), (Interval{9223372036800000000, 0, 0}));
    EXPECT_EQ(iso("P178956970Y7M"), (Interval{0, 0, INT32_MAX}));
    EXPECT_THROW(iso("P178956970Y8M"), Error);
    EXPECT_THROW(iso("P2147483648D"), Error);
    EXPECT_THROW(iso("PT2562047789H"), Error);
    EXPECT_THROW(iso("PT99999999999999999999S"), Error);
    EXPECT_THROW(iso("PT0.0000001S"), Error);
    EXPECT_EQ(iso("PT-0.0000009S", truncated), (Interval{0, 0, 0}));
    EXPECT_EQ(iso("PT-0.0000005S", rounded), (Interval{-1, 0, 0}));
    for (const char* other : {"", "P", "PT", "1 day", "P1.5Y", "P1H", "PT1D", "P1Y ", "PT1.S", "P--1Y"})
        EXPECT_FALSE(intervalFromIso(other)) << other;
}

TEST(Temporal, Counts) {
    EXPECT_EQ(intervalFromCount(-3020399000000, Unit::Microseconds),
              (Interval{-3020399000000, 0, 0})); // MySQL's lowest
    EXPECT_EQ(intervalFromCount(-1, Unit::Milliseconds), (Interval{-1000, 0, 0}));
    EXPECT_THROW(intervalFromCount(-1, Unit::Nanoseconds), Error);
    EXPECT_EQ(intervalFromCount(-1999, Unit::Nanoseconds, truncated), (Interval{-1, 0, 0}));
    EXPECT_THROW(intervalFromCount(INT64_MAX, Unit::Milliseconds), Error);
}

TEST(Temporal, TextThatPostgresReads) {
    EXPECT_EQ(dateToText(0), "2000-01-01");
    EXPECT_EQ(dateToText(-735160 - 10957), "0044-03-15 BC");
    EXPECT_EQ(dateToText(3778591), "12345-06-07");
    EXPECT_EQ(dateToText(dateMinusInfinity), "-infinity");
    EXPECT_EQ(timestampToText(-1), "1999-12-31 23:59:59.999999");
    EXPECT_EQ(timestampToText((-735160LL - 10957) * microsecondsPerDay + 45296789012), "0044-03-15 12:34:56.789012 BC");
    EXPECT_EQ(timeToText(microsecondsPerDay), "24:00:00");
    EXPECT_EQ(intervalToText({-3020399000001, 3, -14}), "-14 mons 3 days -838:59:59.000001");
}

TEST(Temporal, FractionsThatInputWouldRound) {
    EXPECT_FALSE(exceedsFraction("12:00:00.123456", 6));
    EXPECT_FALSE(exceedsFraction("12:00:00.1234560", 6));
    EXPECT_TRUE(exceedsFraction("12:00:00.1234567+02", 6));
    EXPECT_TRUE(exceedsFraction("1.5.2020 12:00:00.5", 0));
}

} // namespace
} // namespace standin::temporal
