#include "cdc/value_fixture.h"

namespace standin::cdc {
namespace {

std::string debezium(const std::string& type, const std::string& name) {
    return field(type, "io.debezium.time." + name);
}

std::string connect(const std::string& type, const std::string& name) {
    return field(type, "org.apache.kafka.connect.data." + name);
}

const std::string infinity = std::to_string(INT64_MAX);
const std::string minusInfinity = std::to_string(INT64_MIN);
const std::string dateInfinity = std::to_string(INT32_MAX);
const std::string dateMinusInfinity = std::to_string(INT32_MIN);

TEST_F(ValueTest, Dates) {
    const std::string date = debezium("int32", "Date");
    EXPECT_EQ(value(ColumnType::Date, "10957", date), "0");
    EXPECT_EQ(value(ColumnType::Date, "10957", connect("int32", "Date")), "0");
    EXPECT_EQ(value(ColumnType::Date, "-735160", date), "-746117"); // 44 BC
    EXPECT_EQ(value(ColumnType::Date, "-622191234", date), dateInfinity);
    EXPECT_EQ(value(ColumnType::Date, "-2147472692", date), dateInfinity);
    EXPECT_EQ(value(ColumnType::Date, "-625821272", date), dateMinusInfinity);
    EXPECT_EQ(value(ColumnType::Date, "-2147472691", date), dateMinusInfinity);
    EXPECT_EQ(value(ColumnType::Date, "-99999999999", date), "22008 v");
    EXPECT_EQ(value(ColumnType::Date, "2024", debezium("int32", "Year")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Date, "10957", field("int32")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Date, "\"2017-09-15Z\"", debezium("string", "IsoDate")), "6467");
    EXPECT_EQ(value(ColumnType::Date, "946771200000000", debezium("int64", "MicroTimestamp")), "1");
    EXPECT_EQ(value(ColumnType::Date, "946771200001", debezium("int64", "Timestamp")), "22008 v");
    EXPECT_EQ(value(ColumnType::Date, "9223372036825200000", debezium("int64", "MicroTimestamp")), dateInfinity);
    EXPECT_EQ(value(ColumnType::Date, "\"2000-01-02T00:00:00Z\"", debezium("string", "IsoTimestamp")), "1");
    EXPECT_EQ(value(ColumnType::Date, "\"2000-01-02T00:00:01Z\"", debezium("string", "IsoTimestamp")), "22008 v");
    EXPECT_EQ(value(ColumnType::Date, "\"1/8/1999\""), "1/8/1999"); // the type's input knows
    EXPECT_EQ(value(ColumnType::Date, "\"1/8/1999 10:00\""), "22007 v");
    modes.rounding = Rounding::Truncate;
    EXPECT_EQ(value(ColumnType::Date, "946684799999", debezium("int64", "Timestamp")), "-1");
}

TEST_F(ValueTest, TimesOfDay) {
    EXPECT_EQ(value(ColumnType::Time, "1000", debezium("int32", "Time")), "1000000");
    EXPECT_EQ(value(ColumnType::Time, "1000", connect("int32", "Time")), "1000000");
    EXPECT_EQ(value(ColumnType::Time, "1000", debezium("int64", "MicroTime")), "1000");
    EXPECT_EQ(value(ColumnType::Time, "1000", debezium("int64", "NanoTime")), "1");
    EXPECT_EQ(value(ColumnType::Time, "86400000000", debezium("int64", "MicroTime")), "86400000000"); // 24:00:00
    EXPECT_EQ(value(ColumnType::Time, "86400000001", debezium("int64", "MicroTime")), "22008 v");
    EXPECT_EQ(value(ColumnType::Time, "-1", debezium("int64", "MicroTime")), "22008 v");
    EXPECT_EQ(value(ColumnType::Time, "1000", debezium("int64", "Timestamp")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Time, "1000", field("int64")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Time, "\"20:05:16.445Z\"", debezium("string", "IsoTime")), "72316445000");
    EXPECT_EQ(value(ColumnType::Time, "\"20:05:16+02:00\""), "22007 v"); // input would drop the zone
    EXPECT_EQ(value(ColumnType::Timetz, "\"12:00:00Z\"", debezium("string", "ZonedTime")), "12:00:00Z");
    EXPECT_EQ(value(ColumnType::Timetz, "\"12:00:00.1234567+02\"", debezium("string", "ZonedTime")), "22008 v");
    EXPECT_EQ(value(ColumnType::Timetz, "1500", debezium("int32", "Time")), "00:00:01.500000+00");
}

TEST_F(ValueTest, Timestamps) {
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800001", debezium("int64", "Timestamp")), "1000");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800001", connect("int64", "Timestamp")), "1000");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800000001", debezium("int64", "MicroTimestamp")), "1");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800000001000", debezium("int64", "NanoTimestamp")), "1");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800000001999", debezium("int64", "NanoTimestamp")), "22008 v");
    EXPECT_EQ(value(ColumnType::Timestamp, "9223372036825200000", debezium("int64", "MicroTimestamp")), infinity);
    EXPECT_EQ(value(ColumnType::Timestamp, "-9223372036832400000", debezium("int64", "MicroTimestamp")), minusInfinity);
    EXPECT_EQ(value(ColumnType::Timestamp, "9223372036825200", connect("int64", "Timestamp")), infinity);
    EXPECT_EQ(value(ColumnType::Timestamp, "-9223372036832400", connect("int64", "Timestamp")), minusInfinity);
    EXPECT_EQ(value(ColumnType::Timestamp, "-9223372036853775810", debezium("int64", "MicroTimestamp")), "22008 v");
    EXPECT_EQ(value(ColumnType::Timestamp, "10958", debezium("int32", "Date")), "86400000000");
    EXPECT_EQ(value(ColumnType::Timestamp, "1000", debezium("int64", "MicroTime")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Timestamp, "\"2017-09-15T20:05:16.445Z\"", debezium("string", "IsoTimestamp")),
              "558821116445000");
    const std::string zoned = debezium("string", "ZonedTimestamp");
    EXPECT_EQ(value(ColumnType::Timestamptz, "\"2000-01-01T01:00:00.5+01:00\"", zoned), "500000");
    EXPECT_EQ(value(ColumnType::Timestamptz, "\"infinity\"", zoned), infinity);
    EXPECT_EQ(value(ColumnType::Timestamptz, "\"-0043-03-15T12:34:56.789012Z\"", zoned), "-64464463503210988");
    EXPECT_EQ(value(ColumnType::Timestamptz, "\"2000-01-01T00:00:00.1234567Z\"", zoned), "22008 v");
    EXPECT_EQ(value(ColumnType::Timestamptz, "\"2000-01-01 00:00:00.1234567 Europe/Berlin\""), "22008 v");
    EXPECT_EQ(value(ColumnType::Timestamp, "true"), "22P02 v");
}

TEST_F(ValueTest, DigitsBeyondTheColumnsPrecision) {
    const std::string micros = debezium("int64", "MicroTimestamp");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800120000", micros, 2), "120000");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800123000", micros, 2), "22008 v");
    EXPECT_EQ(value(ColumnType::Time, "500000", debezium("int64", "MicroTime"), 0), "22008 v");
    EXPECT_EQ(value(ColumnType::Timestamptz, "\"2000-01-01T00:00:00.5Z\"", {}, 0), "22008 v");
    modes.rounding = Rounding::Truncate;
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800129999", micros, 2), "120000");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684799999999", micros, 0), "-1000000");
    EXPECT_EQ(value(ColumnType::Timetz, "\"12:00:00.1299+02\"", {}, 2), "12:00:00.12+02");
    modes.rounding = Rounding::Round;
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800125000", micros, 2), "130000");
    EXPECT_EQ(value(ColumnType::Timestamp, "946684800499999999", debezium("int64", "NanoTimestamp"), 0), "0");
    EXPECT_EQ(value(ColumnType::Time, "86399999999", debezium("int64", "MicroTime"), 0), "86400000000");
}

TEST_F(ValueTest, TimesWithoutSchemaFollowTheColumnAndTheMode) {
    struct Case {
        TimePrecision mode;
        const char* coarseTime; // of 7000 in a time(3)
        const char* time;       // of 7000 in a time
        const char* coarseTimestamp;
        const char* timestamp;
    };
    for (const Case& one : {
             Case{TimePrecision::Adaptive, "7000000", "7000", "7000000", "7000"},
             Case{TimePrecision::AdaptiveMicroseconds, "7000", "7000", "7000000", "7000"},
             Case{TimePrecision::Connect, "7000000", "7000000", "7000000", "7000000"},
             Case{TimePrecision::Microseconds, "7000", "7000", "7000", "7000"},
             Case{TimePrecision::Nanoseconds, "22008 v", "7", "22008 v", "7"},
             Case{TimePrecision::IsoString, "22P02 v", "22P02 v", "22P02 v", "22P02 v"},
         }) {
        modes.timePrecision = one.mode;
        const auto unix = [](const std::string& shown) {
            return shown.ends_with("v") ? shown : std::to_string(std::stoll(shown) + 946684800000000);
        };
        EXPECT_EQ(value(ColumnType::Time, "7000", {}, 3), one.coarseTime);
        EXPECT_EQ(value(ColumnType::Time, "7000"), one.time);
        EXPECT_EQ(unix(value(ColumnType::Timestamp, "7000", {}, 3)), one.coarseTimestamp);
        EXPECT_EQ(unix(value(ColumnType::Timestamp, "7000")), one.timestamp);
    }
    EXPECT_EQ(value(ColumnType::Date, "10958"), "22P02 v"); // isostring
    EXPECT_EQ(value(ColumnType::Date, "\"2000-01-02Z\""), "1");
    modes.timePrecision = TimePrecision::Nanoseconds;
    EXPECT_EQ(value(ColumnType::Date, "10958"), "1");
}

TEST_F(ValueTest, Intervals) {
    const std::string iso = debezium("string", "Interval");
    EXPECT_EQ(value(ColumnType::Interval, "\"P1Y2M3DT4H5M6.78S\"", iso), "14 mons 3 days 04:05:06.780000");
    EXPECT_EQ(value(ColumnType::Interval, "\"P0Y0M0DT0H0M-0.5S\""), "-00:00:00.500000");
    EXPECT_EQ(value(ColumnType::Interval, "\"PT0.0000001S\"", iso), "22008 v");
    EXPECT_EQ(value(ColumnType::Interval, "\"PT0.5S\"", iso, 0), "22008 v");
    EXPECT_EQ(value(ColumnType::Interval, "\"P1.5Y\"", iso), "22007 v");
    EXPECT_EQ(value(ColumnType::Interval, "\"1 year\"", field("string")), "1 year");
    EXPECT_EQ(value(ColumnType::Interval, "1500000", debezium("int64", "MicroDuration")), "00:00:01.500000");
    EXPECT_EQ(value(ColumnType::Interval, "1.5E6", debezium("double", "MicroDuration")), "00:00:01.500000");
    EXPECT_EQ(value(ColumnType::Interval, "1500", debezium("int64", "NanoDuration")), "22008 v");
    EXPECT_EQ(value(ColumnType::Interval, "-1500000"), "-00:00:01.500000");
    EXPECT_EQ(value(ColumnType::Int8, "1500000", debezium("int64", "MicroDuration")), "1500000");
    // MySQL's TIME reaches from -838:59:59 to 838:59:59.
    EXPECT_EQ(value(ColumnType::Interval, "-3020399000000", debezium("int64", "MicroTime")), "-838:59:59.000000");
    EXPECT_EQ(value(ColumnType::Interval, "90000000", connect("int32", "Time")), "25:00:00.000000");
    EXPECT_EQ(value(ColumnType::Interval, "5", field("int64")), "22P02 v");
}

TEST_F(ValueTest, TimesInTextAreWrittenOut) {
    EXPECT_EQ(value(ColumnType::Text, "-735160", debezium("int32", "Date")), "0044-03-15 BC");
    EXPECT_EQ(value(ColumnType::Text, "946684800000001", debezium("int64", "MicroTimestamp")),
              "2000-01-01 00:00:00.000001");
    EXPECT_EQ(value(ColumnType::Text, "1500", debezium("int32", "Time")), "00:00:01.500000");
    EXPECT_EQ(value(ColumnType::Text, "\"P1Y\"", debezium("string", "Interval")), "P1Y");
    EXPECT_EQ(value(ColumnType::Text, "10957"), "10957");
}

/// Nanoseconds of a column with seven digits are no microseconds of a distant future.
TEST_F(ValueTest, WithoutASchemaAnotherUnitIsRefused) {
    const std::string nanoseconds = "1774995307123456000", microseconds = "1774995307123456";
    for (const TimePrecision mode : {TimePrecision::Adaptive, TimePrecision::AdaptiveMicroseconds}) {
        modes.timePrecision = mode;
        for (const ColumnType type : {ColumnType::Timestamp, ColumnType::Timestamptz}) {
            EXPECT_EQ(value(type, nanoseconds), "22008 v");
            EXPECT_EQ(value(type, nanoseconds, {}, 6), "22008 v");
            EXPECT_EQ(value(type, microseconds, {}, 3), "22008 v");
            EXPECT_EQ(value(type, microseconds), "828310507123456");
            EXPECT_EQ(value(type, "253402300799999999"), "252455615999999999"); // 9999-12-31 23:59:59.999999
            EXPECT_EQ(value(type, "253402300800000000"), "22008 v");
            EXPECT_EQ(value(type, "-62135596800000000"), "-63082281600000000"); // 0001-01-01
            EXPECT_EQ(value(type, "-62135596800000001"), "22008 v");
            EXPECT_EQ(value(type, "9223372036825200000"), std::to_string(INT64_MAX)); // infinity
        }
    }
    EXPECT_EQ(value(ColumnType::Timestamp, "253402300800000000", field("int64", "io.debezium.time.MicroTimestamp")),
              "252455616000000000");
    modes.timePrecision = TimePrecision::Microseconds;
    EXPECT_EQ(value(ColumnType::Timestamp, "253402300800000000"), "252455616000000000");
    modes.timePrecision = TimePrecision::Nanoseconds;
    EXPECT_EQ(value(ColumnType::Timestamp, nanoseconds), "828310507123456");
}

} // namespace
} // namespace standin::cdc
