#include "cdc/connector_fixture.h"
#include "cdc/event/duplicates.h"

namespace standin::cdc {
namespace {

using enum ColumnType;

const ExpectedValue id = expect("ID", Int8, "4711");

/// What no mode changes: binary.handling.mode too is none of this connector's.
std::vector<ExpectedValue> plainColumns() {
    return {id,
            expect("C_SMALLINT", Int2, "-32768"),
            expect("C_INTEGER", Int4, "2147483647"),
            expect("C_BIGINT", Int8, "-9223372036854775808"),
            expect("C_REAL", Float4, "1.1754944e-38"),
            expect("C_DOUBLE", Float8, "1.7976931348623157e+308"),
            expect("C_BOOLEAN", Bool, "true"),
            expect("C_CHAR", Char, "DE  12"),
            expect("C_VARCHAR", Text, "Zürich \"Löwen\""),
            expect("C_GRAPHIC", Char, "東京都港"),
            expect("C_VARGRAPHIC", Text, "大阪"),
            expect("C_CLOB", Text, "a statement\nof account"),
            expect("C_DATE", Date, "0001-01-01"),
            expect("C_TIME", Time, "23:59:59", 0),
            expect("C_TIMESTAMP0", Timestamp, "2026-03-31 22:15:07", 0),
            expect("C_VARBINARY", Bytea, "\\xcafe"),
            expect("C_BLOB", Bytea, "\\x0001feff")};
}

std::vector<ExpectedValue> decimals() {
    return {expect("C_DECIMAL", Numeric, "-99999999999999999999999999999.99", 2, 31),
            expect("C_DECFLOAT", Numeric, "123456789012345678901.2345678901234")};
}

std::vector<ExpectedValue> times(std::optional<std::string> bareNanoseconds = {}) {
    return {expect("C_TIMESTAMP", Timestamp, "2026-03-31 22:15:07.123456", 6),
            expect("C_TIMESTAMP12", Timestamp, "2026-03-31 22:15:07.123456", 6, -1, std::move(bareNanoseconds))};
}

class Db2Events : public ConnectorTest {};

TEST_F(Db2Events, PreciseAdaptive) {
    const auto events = recordedEvents("db2-precise-adaptive");
    for (const size_t row : {0, 1}) // the snapshot's and the stream's
        expectValues(events[row], all(plainColumns(), decimals(), times("22008")));
}

TEST_F(Db2Events, StringConnect) {
    modes = {.timePrecision = TimePrecision::Connect, .decimals = DecimalMode::Text};
    expectValues(recordedEvents("db2-string-connect")[0],
                 all(plainColumns(), decimals(),
                     std::vector{expect("C_TIMESTAMP", Timestamp, "2026-03-31 22:15:07.123", 6),
                                 expect("C_TIMESTAMP12", Timestamp, "2026-03-31 22:15:07.123", 6)}));
}

TEST_F(Db2Events, DoubleIsostring) {
    modes = {.timePrecision = TimePrecision::IsoString, .decimals = DecimalMode::Double};
    expectValues(recordedEvents("db2-double-isostring")[0],
                 all(plainColumns(), times(),
                     // what is left of the digits in a double of the connector's
                     std::vector{expect("C_DECIMAL", Numeric, "-100000000000000000000000000000"),
                                 expect("C_DECIMAL", Numeric, "22003", 2, 31),
                                 expect("C_DECFLOAT", Float8, "1.2345678901234568e+20"),
                                 expect("C_DECFLOAT", Numeric, "123456789012345680000")}));
}

TEST_F(Db2Events, AdaptiveTimeMicroseconds) {
    modes.timePrecision = TimePrecision::AdaptiveMicroseconds;
    expectValues(recordedEvents("db2-precise-adaptive_time_microseconds")[0],
                 all(plainColumns(), decimals(), times("22008")));
}

TEST_F(Db2Events, MicrosecondsAndNanoseconds) {
    for (const bool nanoseconds : {false, true}) {
        modes.timePrecision = nanoseconds ? TimePrecision::Nanoseconds : TimePrecision::Microseconds;
        expectValues(recordedEvents(nanoseconds ? "db2-precise-nanoseconds" : "db2-precise-microseconds")[0],
                     all(plainColumns(), decimals(), times(),
                         std::vector{expect("C_TIME", Time, "23:59:59"),
                                     expect("C_TIMESTAMP0", Timestamp, "2026-03-31 22:15:07")}));
    }
}

TEST_F(Db2Events, RowsOfAllOperations) {
    const auto columns = all(plainColumns(), decimals());
    const auto events = recordedEvents("db2-precise-adaptive");
    for (const bool withSchema : {true, false}) {
        auto seen = rows(events, columns, withSchema);
        ASSERT_EQ(seen.size(), 5u);
        for (size_t i = 0; i < seen.size(); ++i)
            EXPECT_EQ(seen[i]["op"], std::string(1, "rccud"[i])) << i;
        for (const ExpectedValue& column : columns) {
            EXPECT_EQ(seen[0][column.field], column.value) << column.field;
            EXPECT_EQ(seen[1][column.field], column.value) << column.field;
            EXPECT_EQ(seen[2][column.field], column.field == "ID" ? "4712" : "null") << column.field;
            EXPECT_EQ(seen[3][column.field], column.field == "C_DECIMAL"    ? "0.01"
                                             : column.field == "C_DECFLOAT" ? "-0." + std::string(382, '0') + "1"
                                                                            : column.value)
                << column.field;
        }
        EXPECT_EQ(seen[4]["ID"], "4712");
    }
}

/// The last event's change_lsn is before the others': its transaction began earlier and committed later.
TEST_F(Db2Events, PositionsFollowTheCommits) {
    const auto events = recordedEvents("db2-precise-adaptive");
    for (const bool withSchema : {true, false}) {
        PositionMarks marks;
        for (const bool again : {false, true}) {
            const auto where = places(events, id, withSchema);
            EXPECT_EQ(where[0].position, ""); // of a snapshot
            EXPECT_EQ(marks.judge(where[0]), PositionMarks::Verdict::New);
            for (size_t i = 1; i < where.size(); ++i) {
                EXPECT_EQ(where[i].origin, "core/BANK");
                EXPECT_LT(where[i - 1].position, where[i].position) << i;
                EXPECT_EQ(marks.judge(where[i]), again ? PositionMarks::Verdict::Seen : PositionMarks::Verdict::New)
                    << i;
            }
        }
    }
}

/// By ExtractNewRecordState, with a tombstone for a delete.
TEST_F(Db2Events, Flattened) {
    const auto columns = all(plainColumns(), decimals());
    const auto events = recordedEvents("db2-flattened");
    for (const bool withSchema : {true, false}) {
        auto seen = rows(events, columns, withSchema);
        ASSERT_EQ(seen.size(), 5u);
        for (size_t i = 0; i < seen.size(); ++i)
            EXPECT_EQ(seen[i]["op"], std::string(1, "rccud"[i])) << i;
        for (const ExpectedValue& column : columns)
            EXPECT_EQ(seen[1][column.field], column.value) << column.field;
        EXPECT_EQ(seen[4]["ID"], "4712");

        const auto where = places(events, id, withSchema);
        const auto enveloped = places(recordedEvents("db2-precise-adaptive"), id, withSchema);
        for (const size_t row : {0, 1, 2, 3})
            EXPECT_EQ(where[row].position, enveloped[row].position);
        EXPECT_EQ(where[4].position, ""); // tombstones bear no source
    }
}

} // namespace
} // namespace standin::cdc
