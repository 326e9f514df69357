#include "cdc/connector_fixture.h"
#include "cdc/event/duplicates.h"

namespace standin::cdc {
namespace {

using enum ColumnType;

const ExpectedValue id = expect("ID", Int8, "4711");

/// What no mode changes.
std::vector<ExpectedValue> plainColumns() {
    return {id,
            expect("C_HUNDREDS", Int8, "1234567800"),
            expect("C_HUNDREDS", Numeric, "1234567800", -2, 10),
            expect("C_BINARY_FLOAT", Float4, "3.4028235e+38"),
            expect("C_BINARY_DOUBLE", Float8, "0.1"),
            expect("C_VARCHAR2", Text, "it's \"quoted\" \\"),
            expect("C_CHAR", Char, "DE  12"),
            expect("C_NVARCHAR2", Text, "Zürich 東京"),
            expect("C_CLOB", Text, "a statement"),
            expect("C_TSTZ", Timestamptz, "2026-03-31 16:45:07.123456"),
            expect("C_TSLTZ", Timestamptz, "2026-03-31 20:15:07.123456"),
            expect("C_RAW", Bytea, "\\xcafe"),
            expect("C_BLOB", Bytea, "\\x0001feff")};
}

std::vector<ExpectedValue> largeObjects() { return {expect("C_CLOB", Text, ""), expect("C_BLOB", Bytea, "")}; }

/// NUMBER(p) of up to 18 digits is an integer, or under string and double what these make of all decimals.
std::vector<ExpectedValue> wholeNumbers() {
    return {expect("C_FLAG", Bool, "true"), expect("C_FLAG", Int2, "1"), expect("C_SHORT", Int2, "-9999"),
            expect("C_INT", Int4, "999999999")};
}

std::vector<ExpectedValue> decimals() {
    return {expect("C_NUMBER", Numeric, "-0.000000000000000000000000000000000000001"),
            expect("C_AMOUNT", Numeric, "123456789012345.6789", 4, 19),
            expect("C_HUGE", Numeric, "-123456789012345678901234567890123400", -2, 36),
            expect("C_NUMBER38", Numeric, "-99999999999999999999999999999999999999", 0, 38),
            expect("C_INTEGER", Numeric, "12345678901234567890", 0, 38),
            expect("C_INTEGER", Int8, "22003", -1, -1, "22023"),
            expect("C_FLOAT", Numeric, "1234.5678"),
            expect("C_FLOAT", Float8, "1234.5678")};
}

/// DATE has a time of day, to the second.
std::vector<ExpectedValue> times() {
    return {expect("C_DATE", Timestamp, "2026-03-31 22:15:07", 0),
            expect("C_TIMESTAMP3", Timestamp, "2026-03-31 22:15:07.123", 3),
            expect("C_TIMESTAMP6", Timestamp, "2026-03-31 22:15:07.123456", 6),
            expect("C_TIMESTAMP6", Timestamp, "2026-03-31 22:15:07.123456")};
}

/// Under interval.handling.mode numeric, where the connector takes a month for a twelfth of 365.25 days.
std::vector<ExpectedValue> averagedIntervals() {
    return {expect("C_YM", Interval, "-107383:30:00"), expect("C_DS", Interval, "-76:05:06.789012")};
}

/// A row has each column once.
std::vector<ExpectedValue> eachOnce(const std::vector<ExpectedValue>& columns) {
    std::vector<ExpectedValue> once;
    for (const ExpectedValue& column : columns)
        if (std::none_of(once.begin(), once.end(), [&](const auto& other) { return other.field == column.field; }))
            once.push_back(column);
    return once;
}

class OracleEvents : public ConnectorTest {};

TEST_F(OracleEvents, PreciseAdaptive) {
    expectValues(recordedEvents("oracle-precise-adaptive")[1],
                 all(plainColumns(), wholeNumbers(), decimals(), times(), averagedIntervals(),
                     std::vector{expect("C_TIMESTAMP9", Timestamp, "2026-03-31 22:15:07.123456", 6, -1, "22008"),
                                 expect("C_DATE", Date, "22008", -1, -1, "22008")}));
}

TEST_F(OracleEvents, SnapshotPreciseAdaptive) {
    expectValues(recordedEvents("oracle-precise-adaptive")[0],
                 {id,
                  expect("C_NUMBER", Numeric, "1" + std::string(125, '0')),
                  expect("C_AMOUNT", Numeric, "-0.0001", 4, 19),
                  expect("C_HUNDREDS", Int8, "1234567800"),
                  expect("C_HUGE", Numeric, "-123456789012345678901234567890123400", -2, 36),
                  expect("C_NUMBER38", Numeric, "99999999999999999999999999999999999999", 0, 38),
                  expect("C_FLAG", Bool, "false"),
                  expect("C_SHORT", Int2, "9999"),
                  expect("C_INT", Int4, "-999999999"),
                  expect("C_INTEGER", Numeric, "-1", 0, 38),
                  expect("C_FLOAT", Numeric, "0.1"),
                  expect("C_BINARY_FLOAT", Float4, "-inf"),
                  expect("C_BINARY_DOUBLE", Float8, "nan"),
                  expect("C_CHAR", Char, "a     "),
                  expect("C_NVARCHAR2", Text, "Zürich 東京"),
                  expect("C_CLOB", Text, "a statement"),
                  expect("C_DATE", Timestamp, "2026-03-31 22:15:07", 0),
                  expect("C_TIMESTAMP3", Timestamp, "2026-03-31 22:15:07.123", 3),
                  expect("C_TIMESTAMP6", Timestamp, "1582-10-04 00:00:00.000001", 6),
                  expect("C_TSTZ", Timestamptz, "2026-03-31 16:45:07.123456"),
                  expect("C_TSLTZ", Timestamptz, "null"),
                  expect("C_YM", Interval, "107383:30:00"),
                  expect("C_DS", Interval, "76:05:06.789012"),
                  expect("C_RAW", Bytea, "\\x726177206279746573"),
                  expect("C_BLOB", Bytea, "\\x0001feff")});
}

TEST_F(OracleEvents, StringConnect) {
    modes = {.timePrecision = TimePrecision::Connect,
             .decimals = DecimalMode::Text,
             .binary = BinaryMode::Hex,
             .intervals = IntervalMode::Text};
    const auto events = recordedEvents("oracle-string-connect");
    expectWithheld(events[1], id, largeObjects());
    auto numbers = decimals();
    for (ExpectedValue& column : numbers)
        column.bare.reset();
    expectValues(events[0], all(plainColumns(), wholeNumbers(), numbers,
                                std::vector{expect("C_DATE", Timestamp, "2026-03-31 22:15:07", 0),
                                            expect("C_DATE", Timestamp, "2026-03-31 22:15:07"),
                                            expect("C_TIMESTAMP6", Timestamp, "2026-03-31 22:15:07.123", 6),
                                            expect("C_TIMESTAMP9", Timestamp, "2026-03-31 22:15:07.123", 6),
                                            expect("C_YM", Interval, "-147 mons 0 days 00:00:00"),
                                            expect("C_DS", Interval, "0 mons -3 days -04:05:06.789012")}));
}

TEST_F(OracleEvents, DoubleIsostring) {
    modes = {.timePrecision = TimePrecision::IsoString, .decimals = DecimalMode::Double};
    const auto events = recordedEvents("oracle-double-isostring");
    expectWithheld(events[1], id, largeObjects());
    expectValues(events[0], all(plainColumns(), wholeNumbers(), times(), averagedIntervals(),
                                // what is left of the digits in a double of the connector's
                                std::vector{expect("C_NUMBER", Numeric, "-0.0000000000000000000000000000000000000010"),
                                            expect("C_NUMBER", Float8, "-1e-39"),
                                            expect("C_AMOUNT", Numeric, "123456789012345.6700", 4, 19),
                                            expect("C_HUGE", Numeric, "-123456789012345680000000000000000000"),
                                            expect("C_NUMBER38", Numeric, "-100000000000000000000000000000000000000"),
                                            expect("C_NUMBER38", Numeric, "22003", 0, 38),
                                            expect("C_INTEGER", Numeric, "12345678901234567000", 0, 38),
                                            expect("C_FLOAT", Numeric, "1234.5678"),
                                            expect("C_TIMESTAMP9", Timestamp, "2026-03-31 22:15:07.123456", 6)}));
}

/// Of one unit for all columns, so that even without a schema the column need not tell it.
TEST_F(OracleEvents, MicrosecondsAndNanoseconds) {
    for (const bool nanoseconds : {false, true}) {
        modes.timePrecision = nanoseconds ? TimePrecision::Nanoseconds : TimePrecision::Microseconds;
        expectValues(recordedEvents(nanoseconds ? "oracle-precise-nanoseconds" : "oracle-precise-microseconds")[0],
                     all(plainColumns(), wholeNumbers(), decimals(), times(), averagedIntervals(),
                         std::vector{expect("C_DATE", Timestamp, "2026-03-31 22:15:07"),
                                     expect("C_TIMESTAMP3", Timestamp, "2026-03-31 22:15:07.123"),
                                     expect("C_TIMESTAMP9", Timestamp, "2026-03-31 22:15:07.123456", 6)}));
    }
}

TEST_F(OracleEvents, AdaptiveTimeMicroseconds) {
    modes.timePrecision = TimePrecision::AdaptiveMicroseconds; // Oracle has no time of day: as adaptive
    expectValues(recordedEvents("oracle-precise-adaptive_time_microseconds")[0],
                 all(plainColumns(), decimals(), times()));
}

TEST_F(OracleEvents, RowsOfAllOperations) {
    const auto once = eachOnce(all(plainColumns(), decimals(), times(), averagedIntervals()));
    const auto events = recordedEvents("oracle-precise-adaptive");
    for (const bool withSchema : {true, false}) {
        auto seen = rows(events, once, withSchema);
        ASSERT_EQ(seen.size(), 5u);
        for (size_t i = 0; i < seen.size(); ++i)
            EXPECT_EQ(seen[i]["op"], std::string(1, "rccud"[i])) << i;
        for (const ExpectedValue& column : once) {
            EXPECT_EQ(seen[1][column.field], column.value) << column.field;
            EXPECT_EQ(seen[2][column.field], column.field == "ID" ? "4712" : "null") << column.field;
            // of a large object that an update does not touch the log has nothing
            const bool kept = column.field == "C_CLOB" || column.field == "C_BLOB";
            EXPECT_EQ(seen[3][column.field], kept                         ? "unavailable"
                                             : column.field == "C_AMOUNT" ? "0.0100"
                                             : column.field == "C_CHAR"   ? "null"
                                                                          : column.value)
                << column.field;
        }
        EXPECT_EQ(seen[4]["ID"], "4712");
    }
}

/// The update's SCN is before the inserts': transactions overlap, and are sent in the order of their commits.
TEST_F(OracleEvents, PositionsFollowTheCommits) {
    const std::string inserts("\0\0\0\0\0\x2b\xc5\x46", 8), changes("\0\0\0\0\0\x2b\xc5\x50", 8); // 2868550, 2868560
    for (const bool withSchema : {true, false})
        for (const std::string name : {"oracle-precise-adaptive", "oracle-flattened"}) {
            const auto where = places(recordedEvents(name), id, withSchema);
            ASSERT_EQ(where.size(), 5u);
            EXPECT_EQ(where[0].position, ""); // of a snapshot
            EXPECT_EQ(where[0].sourceMicros, 1774994400000000);
            for (size_t i = 1; i < (name == "oracle-flattened" ? 4 : 5); ++i) { // a tombstone bears no source
                EXPECT_EQ(where[i].origin, "core/BANKPDB/1");
                EXPECT_EQ(where[i].position.substr(0, 8), i < 3 ? inserts : changes) << i;
                EXPECT_EQ(where[i].position[15], i % 2 ? 1 : 2) << i;
                EXPECT_EQ(where[i].sourceMicros, i < 3 ? 1774995308000000 : 1774995309000000) << i;
            }
            if (name == "oracle-flattened") {
                EXPECT_EQ(where[4].position, "");
            }
        }
}

TEST_F(OracleEvents, WhatComesAgainIsSeen) {
    PositionMarks marks;
    for (const bool again : {false, true}) {
        const auto where = places(recordedEvents("oracle-precise-adaptive"), id, true);
        EXPECT_EQ(marks.judge(where[0]), PositionMarks::Verdict::New);
        for (size_t i = 1; i < where.size(); ++i)
            EXPECT_EQ(marks.judge(where[i]), again ? PositionMarks::Verdict::Seen : PositionMarks::Verdict::New) << i;
    }
}

TEST_F(OracleEvents, Flattened) {
    const auto columns = eachOnce(all(plainColumns(), decimals(), times(), averagedIntervals()));
    for (const bool withSchema : {true, false}) {
        auto seen = rows(recordedEvents("oracle-flattened"), columns, withSchema);
        ASSERT_EQ(seen.size(), 5u);
        for (size_t i = 0; i < seen.size(); ++i)
            EXPECT_EQ(seen[i]["op"], std::string(1, "rccud"[i])) << i;
        for (const ExpectedValue& column : columns)
            EXPECT_EQ(seen[1][column.field], column.value) << column.field;
        for (const ExpectedValue& column : largeObjects())
            EXPECT_EQ(seen[3][column.field], "unavailable") << column.field;
        EXPECT_EQ(seen[4]["ID"], "4712");
    }
}

/// NUMBER without precision as a key: a struct, in the key and in the row.
TEST_F(OracleEvents, KeysOfAnyScale) {
    for (const ColumnType type : {Int8, Numeric, Text})
        for (const bool withSchema : {true, false}) {
            auto seen = rows(recordedEvents("oracle-number-precise-adaptive"),
                             {expect("ID", type, ""), expect("BALANCE", Numeric, "")}, withSchema);
            ASSERT_EQ(seen.size(), 3u);
            for (size_t i = 0; i < seen.size(); ++i) {
                EXPECT_EQ(seen[i]["op"], std::string(1, "rud"[i])) << i;
                // text has no type that says what the struct is
                const bool isStruct = type == Text && !withSchema;
                EXPECT_EQ(seen[i]["ID"], isStruct ? R"({"scale":0,"value":"BLA="})" : "1200") << i;
            }
            EXPECT_EQ(seen[0]["BALANCE"], "2.5");
            EXPECT_EQ(seen[1]["BALANCE"], "3");
        }
}

} // namespace
} // namespace standin::cdc
