#include "cdc/connector_fixture.h"
#include "cdc/event/duplicates.h"

namespace standin::cdc {
namespace {

using enum ColumnType;

const ExpectedValue id = expect("id", Int8, "4711");

/// What no mode changes.
std::vector<ExpectedValue> plainColumns() {
    return {id,
            expect("c_bit", Bool, "true"),
            expect("c_tinyint", Int2, "255"),
            expect("c_smallint", Int2, "-32768"),
            expect("c_int", Int4, "-2147483648"),
            expect("c_bigint", Int8, "9007199254740993"),
            expect("c_real", Float4, "3.4028235e+38"),
            expect("c_float", Float8, "0.1"),
            expect("c_char", Char, "DE  12"),
            expect("c_nvarchar", Text, "Zürich \"Löwen\" \\ 東京"),
            expect("c_ntext", Text, "line one\nline two"),
            expect("c_binary", Bytea, "\\x0001feff"),
            expect("c_varbinary", Bytea, "\\xcafe"),
            expect("c_image", Bytea, "\\x89504e47"),
            expect("c_uniqueidentifier", Uuid, "\\x6f9619ff8b86d011b42d00c04fc964ff"),
            expect("c_xml", Other, "<a>b</a>")};
}

std::vector<ExpectedValue> largeObjects() {
    return {expect("c_ntext", Text, ""), expect("c_image", Bytea, ""), expect("c_xml", Other, "")};
}

std::vector<ExpectedValue> decimals() {
    return {expect("c_decimal", Numeric, "123456789012345.6789", 4, 19),
            expect("c_numeric", Numeric, "-99999999999999999999999999999999999999", 0, 38),
            expect("c_money", Numeric, "-922337203685477.5808", 4, 19),
            expect("c_smallmoney", Numeric, "214748.3647", 4, 10)};
}

/// Seven digits of a second are one more than any column has.
std::vector<ExpectedValue> exactTimes() {
    return {expect("c_date", Date, "9999-12-31"),
            expect("c_time0", Time, "23:59:59", 0),
            expect("c_time3", Time, "10:23:45.678", 3),
            expect("c_time6", Time, "10:23:45.678912", 6),
            expect("c_datetime", Timestamp, "1753-01-01 00:00:00.003", 3),
            expect("c_smalldatetime", Timestamp, "2026-03-31 23:59:00", 0),
            expect("c_datetime2_3", Timestamp, "2026-03-31 22:15:07.123", 3),
            expect("c_datetime2_6", Timestamp, "2026-03-31 22:15:07.123456", 6)};
}

class SqlServerEvents : public ConnectorTest {};

TEST_F(SqlServerEvents, PreciseAdaptive) {
    const auto columns =
        all(plainColumns(), decimals(), exactTimes(),
            std::vector{expect("c_datetime2_7", Timestamp, "2026-03-31 22:15:07.123456", 6, -1, "22008"),
                        expect("c_time7", Time, "22008", 6), expect("c_datetimeoffset", Timestamptz, "22008", 6)});
    const auto events = recordedEvents("sqlserver-precise-adaptive");
    for (const size_t row : {0, 1}) // the snapshot's and the stream's
        expectValues(events[row], columns);
}

TEST_F(SqlServerEvents, TheSeventhDigitGoesAsDeclared) {
    const RecordedEvent event = recordedEvents("sqlserver-precise-adaptive")[1];
    const auto seventh = [&](ColumnType type, const std::string& field, int16_t scale = 6) {
        return value(event, id, expect(field, type, "", scale), true);
    };
    modes.rounding = Rounding::Truncate;
    EXPECT_EQ(seventh(Time, "c_time7"), "10:23:45.678912");
    EXPECT_EQ(seventh(Timestamptz, "c_datetimeoffset"), "2026-03-31 16:45:07.123456");
    EXPECT_EQ(seventh(Timestamp, "c_datetime2_7", 3), "2026-03-31 22:15:07.123");
    modes.rounding = Rounding::Round;
    EXPECT_EQ(seventh(Time, "c_time7"), "10:23:45.678912");
    EXPECT_EQ(seventh(Timestamptz, "c_datetimeoffset"), "2026-03-31 16:45:07.123457");
    EXPECT_EQ(seventh(Timestamp, "c_datetime2_7", 5), "2026-03-31 22:15:07.12346");
}

TEST_F(SqlServerEvents, StringConnect) {
    modes = {.timePrecision = TimePrecision::Connect,
             .decimals = DecimalMode::Text,
             .binary = BinaryMode::Hex,
             .intervals = IntervalMode::Text};
    const auto events = recordedEvents("sqlserver-string-connect");
    expectWithheld(events[1], id, largeObjects());
    expectValues(events[0], all(plainColumns(), decimals(),
                                std::vector{expect("c_date", Date, "9999-12-31"), expect("c_time0", Time, "23:59:59"),
                                            expect("c_time7", Time, "10:23:45.678"),
                                            expect("c_datetime", Timestamp, "1753-01-01 00:00:00.003"),
                                            expect("c_datetime2_7", Timestamp, "2026-03-31 22:15:07.123"),
                                            expect("c_datetimeoffset", Timestamptz, "22008")}));
}

TEST_F(SqlServerEvents, DoubleIsostring) {
    modes = {.timePrecision = TimePrecision::IsoString, .decimals = DecimalMode::Double};
    expectValues(
        recordedEvents("sqlserver-double-isostring")[0],
        all(plainColumns(), exactTimes(),
            // what is left of the digits in a double of the connector's
            std::vector{expect("c_decimal", Numeric, "123456789012345.6700", 4, 19),
                        expect("c_decimal", Float8, "1.2345678901234567e+14"),
                        expect("c_numeric", Numeric, "-100000000000000000000000000000000000000"),
                        expect("c_numeric", Numeric, "22003", 0, 38),
                        expect("c_money", Numeric, "-922337203685477.6000", 4, 19),
                        expect("c_smallmoney", Numeric, "214748.3647", 4, 10), expect("c_time7", Time, "22008"),
                        expect("c_datetime2_7", Timestamp, "2026-03-31 22:15:07.123456")}));
}

TEST_F(SqlServerEvents, AdaptiveTimeMicroseconds) {
    modes.timePrecision = TimePrecision::AdaptiveMicroseconds;
    expectValues(recordedEvents("sqlserver-precise-adaptive_time_microseconds")[0],
                 all(plainColumns(), decimals(), exactTimes(),
                     std::vector{expect("c_time7", Time, "10:23:45.678912"),
                                 expect("c_datetime2_7", Timestamp, "2026-03-31 22:15:07.123456", 6, -1, "22008")}));
}

/// Of one unit for all columns, so that even without a schema the column need not tell it.
TEST_F(SqlServerEvents, MicrosecondsAndNanoseconds) {
    for (const bool nanoseconds : {false, true}) {
        modes.timePrecision = nanoseconds ? TimePrecision::Nanoseconds : TimePrecision::Microseconds;
        const auto events =
            recordedEvents(nanoseconds ? "sqlserver-precise-nanoseconds" : "sqlserver-precise-microseconds");
        expectValues(events[0], all(plainColumns(), decimals(), exactTimes(),
                                    std::vector{expect("c_time0", Time, "23:59:59"),
                                                expect("c_time7", Time, nanoseconds ? "22008" : "10:23:45.678912"),
                                                expect("c_datetime", Timestamp, "1753-01-01 00:00:00.003"),
                                                expect("c_smalldatetime", Timestamp, "2026-03-31 23:59:00"),
                                                expect("c_datetime2_7", Timestamp, "2026-03-31 22:15:07.123456")}));
    }
}

TEST_F(SqlServerEvents, RowsOfAllOperations) {
    const auto columns = all(plainColumns(), decimals(), exactTimes());
    const auto events = recordedEvents("sqlserver-precise-adaptive");
    for (const bool withSchema : {true, false}) {
        auto seen = rows(events, columns, withSchema);
        ASSERT_EQ(seen.size(), 7u);
        for (const auto& [index, op] : std::vector<std::pair<size_t, std::string>>{
                 {0, "r"}, {1, "c"}, {2, "c"}, {3, "u"}, {4, "d"}, {5, "c"}, {6, "d"}})
            EXPECT_EQ(seen[index]["op"], op) << index;
        for (const ExpectedValue& column : columns) {
            const bool isKey = column.field == "id";
            EXPECT_EQ(seen[0][column.field], column.value) << column.field;
            EXPECT_EQ(seen[1][column.field], column.value) << column.field;
            EXPECT_EQ(seen[2][column.field], isKey ? "4712" : "null") << column.field;
            EXPECT_EQ(seen[5][column.field], isKey ? "4713" : "null") << column.field;
            const bool kept = column.field == "c_ntext" || column.field == "c_image" || column.field == "c_xml";
            EXPECT_EQ(seen[3][column.field], kept                        ? "unavailable"
                                             : column.field == "c_money" ? "0.0100"
                                             : column.field == "c_char"  ? "null"
                                                                         : column.value)
                << column.field;
        }
        EXPECT_EQ(seen[4]["id"], "4712");
        EXPECT_EQ(seen[6]["id"], "4711");
    }
}

TEST_F(SqlServerEvents, PositionsFollowTheLog) {
    const auto events = recordedEvents("sqlserver-precise-adaptive");
    for (const bool withSchema : {true, false}) {
        const auto where = places(events, id, withSchema);
        EXPECT_EQ(where[0].position, ""); // of a snapshot
        for (size_t i = 1; i < where.size(); ++i) {
            EXPECT_EQ(where[i].origin, "core/bank");
            EXPECT_LT(where[i - 1].position, where[i].position) << i;
        }
        EXPECT_EQ(where[1].sourceMicros, 1774995307000000);
        EXPECT_EQ(where[1].debeziumMicros, 1774995307250000);
    }
}

TEST_F(SqlServerEvents, WhatComesAgainIsSeen) {
    const auto events = recordedEvents("sqlserver-precise-adaptive");
    PositionMarks marks;
    for (const bool again : {false, true}) {
        const auto where = places(events, id, true);
        EXPECT_EQ(marks.judge(where[0]), PositionMarks::Verdict::New);
        for (size_t i = 1; i < where.size(); ++i)
            EXPECT_EQ(marks.judge(where[i]), again ? PositionMarks::Verdict::Seen : PositionMarks::Verdict::New) << i;
    }
}

/// By ExtractNewRecordState, with a tombstone for a delete.
TEST_F(SqlServerEvents, Flattened) {
    const auto columns = all(plainColumns(), decimals(), exactTimes());
    const auto events = recordedEvents("sqlserver-flattened");
    for (const bool withSchema : {true, false}) {
        auto seen = rows(events, columns, withSchema);
        ASSERT_EQ(seen.size(), 7u);
        for (size_t i = 0; i < seen.size(); ++i)
            EXPECT_EQ(seen[i]["op"], std::string(1, "rccudcd"[i])) << i;
        for (const ExpectedValue& column : columns)
            for (const size_t row : {0, 1})
                EXPECT_EQ(seen[row][column.field], column.value) << column.field;
        for (const ExpectedValue& column : largeObjects())
            EXPECT_EQ(seen[3][column.field], "unavailable") << column.field;
        EXPECT_EQ(seen[4]["id"], "4712");
        EXPECT_EQ(seen[6]["id"], "4711");

        const auto where = places(events, id, withSchema);
        const auto enveloped = places(recordedEvents("sqlserver-precise-adaptive"), id, withSchema);
        for (const size_t row : {0, 1, 2, 3, 5}) {
            EXPECT_EQ(where[row].origin, enveloped[row].origin);
            EXPECT_EQ(where[row].position, enveloped[row].position);
            EXPECT_EQ(where[row].sourceMicros, enveloped[row].sourceMicros);
        }
        for (const size_t row : {4, 6}) // tombstones bear no source
            EXPECT_EQ(where[row].position, "");
    }
}

} // namespace
} // namespace standin::cdc
