#include <gtest/gtest.h>

#include <deque>

#include <bit>

#include "base/temporal.h"
#include "cdc/coalesce.h"
#include "cdc/event.h"

namespace standin::cdc {
namespace {

Target accounts() {
    Target target;
    target.name = "pgbench_accounts";
    target.columns = {{"aid", ColumnType::Int4},
                      {"bid", ColumnType::Int4},
                      {"abalance", ColumnType::Int4},
                      {"filler", ColumnType::Char}};
    target.key = {0};
    return target;
}

const std::string source =
    R"("source":{"version":"3.6.1.Final","connector":"postgresql","name":"core","ts_ms":1732400000123,"snapshot":"false","db":"core","sequence":"[\"1\",\"2\"]","ts_us":1732400000123456,"ts_ns":1732400000123456000,"schema":"public","table":"pgbench_accounts","txId":700,"lsn":123,"xmin":null})";

std::string envelope(const std::string& before, const std::string& after, const std::string& op) {
    return R"({"before":)" + before + R"(,"after":)" + after + "," + source + R"(,"transaction":null,"op":")" + op +
           R"(","ts_ms":1732400000200,"ts_us":1732400000200111,"ts_ns":1732400000200111222})";
}

std::string rowSchema(const std::string& fields, const std::string& image) {
    return R"({"type":"struct","fields":[)" + fields + R"(],"optional":true,"name":"core.public.t.Value","field":")" +
           image + R"("})";
}

std::string withSchema(const std::string& fields, const std::string& payload) {
    return R"({"schema":{"type":"struct","fields":[)" + rowSchema(fields, "before") + "," + rowSchema(fields, "after") +
           R"(,{"type":"string","optional":false,"field":"op"}],"optional":false,"name":"core.public.t.Envelope","version":2},"payload":)" +
           payload + "}";
}

std::string show(const Cell& cell, ColumnType type) {
    switch (cell.kind) {
    case CellKind::Absent:
        return "absent";
    case CellKind::Unavailable:
        return "unavailable";
    case CellKind::Null:
        return "null";
    case CellKind::Value:
        if (type == ColumnType::Float8)
            return std::to_string(std::bit_cast<double>(cell.value));
        return std::to_string(cell.value);
    case CellKind::Numeric:
        return toText(toDecimal(*reinterpret_cast<const DecimalCell*>(cell.data)));
    default:
        return std::string(cell.bytes());
    }
}

class EventTest : public testing::Test {
protected:
    Event decode(std::optional<std::string_view> key, std::optional<std::string_view> value) {
        return decoder.decode(table, {key, value});
    }
    std::string row(const Event& event) {
        std::string text;
        for (size_t i = 0; i < table.target.columns.size(); ++i)
            text += (i ? "|" : "") + show(event.cells[i], table.target.columns[i].type);
        return text;
    }
    /// One column "v" beside the key "id"; returns the cell of v, or the SQLSTATE of the error.
    std::string value(ColumnType type, const std::string& json, const std::string& field = {}, int16_t scale = -1) {
        Target target;
        target.name = "t";
        target.columns = {{"id", ColumnType::Int8}, {"v", type, scale}};
        target.key = {0};
        TableDecoder one(target);
        const std::string payload = envelope("null", R"({"id":1,"v":)" + json + "}", "c");
        EventDecoder fresh(modes, arena);
        try {
            const Event event = fresh.decode(
                one,
                {std::nullopt,
                 field.empty() ? payload
                               : withSchema(R"({"type":"int64","optional":false,"field":"id"},)" + field, payload)});
            return show(event.cells[1], type);
        } catch (const ValueError& error) {
            return error.sqlstate() + " " + error.column();
        }
    }

    SourceModes modes;
    Arena arena;
    TableDecoder table{accounts()};
    EventDecoder decoder{modes, arena};
};

TEST_F(EventTest, EachOperationWithoutSchema) {
    const Event created =
        decode(R"({"aid":7})", envelope("null", R"({"aid":7,"bid":1,"abalance":-5,"filler":"  x "})", "c"));
    EXPECT_EQ(created.operation, Operation::Create);
    EXPECT_EQ(row(created), "7|1|-5|  x ");
    EXPECT_EQ(created.sourceMicros, 1732400000123456);
    EXPECT_EQ(
        decode(R"({"aid":7})", envelope("null", R"({"aid":7,"bid":1,"abalance":0,"filler":null})", "r")).operation,
        Operation::Read);
    const Event updated =
        decode(R"({"aid":7})", envelope("null", R"({"aid":7,"bid":null,"abalance":3,"filler":""})", "u"));
    EXPECT_EQ(updated.operation, Operation::Update);
    EXPECT_EQ(row(updated), "7|null|3|");
    const Event deleted =
        decode(R"({"aid":7})", envelope(R"({"aid":7,"bid":0,"abalance":0,"filler":null})", "null", "d"));
    EXPECT_EQ(deleted.operation, Operation::Delete);
    EXPECT_EQ(row(deleted), "7|absent|absent|absent");
}

TEST_F(EventTest, SchemaIsLearntOnceAndThenSkipped) {
    const std::string fields =
        R"({"type":"int32","optional":false,"field":"aid"},{"type":"int32","optional":true,"field":"bid"},{"type":"int32","optional":true,"field":"abalance"},{"type":"string","optional":true,"field":"filler"})";
    for (int i = 0; i < 3; ++i) {
        const std::string payload =
            envelope("null", R"({"aid":)" + std::to_string(i) + R"(,"bid":1,"abalance":2,"filler":"f"})", "c");
        EXPECT_EQ(row(decode(std::nullopt, withSchema(fields, payload))), std::to_string(i) + "|1|2|f");
    }
    const std::string key =
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"aid"}],"optional":false,"name":"core.Key"},"payload":{"aid":9}})";
    EXPECT_EQ(row(decode(key, withSchema(fields, envelope("null", "null", "d")))), "9|absent|absent|absent");
}

TEST_F(EventTest, SchemasMayAlternate) {
    const std::string one =
        R"({"type":"int32","optional":false,"field":"aid"},{"type":"int32","optional":true,"field":"bid"})";
    const std::string two =
        R"({"type":"int32","optional":true,"field":"abalance"},{"type":"int32","optional":false,"field":"aid"},{"type":"string","optional":true,"field":"extra"})";
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(row(decode(std::nullopt, withSchema(one, envelope("null", R"({"aid":1,"bid":2})", "u")))),
                  "1|2|absent|absent");
        const Event event =
            decode(std::nullopt, withSchema(two, envelope("null", R"({"abalance":3,"aid":4,"extra":"?"})", "u")));
        EXPECT_EQ(row(event), "4|absent|3|absent");
        EXPECT_EQ(event.unknownFields, 1u);
    }
}

TEST_F(EventTest, FieldOrderMayChangeWithoutSchema) {
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", R"({"aid":1,"bid":2,"abalance":3,"filler":"a"})", "c"))),
              "1|2|3|a");
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", R"({"filler":"b","aid":4})", "c"))), "4|absent|absent|b");
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", R"({"bid":5,"new":[1,{"x":"}"}],"abalance":6,"aid":7})", "c"))),
              "7|5|6|absent");
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", "{\"a\\u0069d\":8}", "c"))), "8|absent|absent|absent");
}

TEST_F(EventTest, ControlRecordsAreKnown) {
    EXPECT_EQ(decode(R"({"aid":1})", std::nullopt).kind, EventKind::Tombstone);
    EXPECT_EQ(decode(R"({"aid":1})", "null").kind, EventKind::Tombstone);
    EXPECT_EQ(decode(std::nullopt, R"({"ts_ms":1732400000200})").kind, EventKind::Heartbeat);
    EXPECT_EQ(
        decode(
            std::nullopt,
            R"({"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"}]},"payload":{"ts_ms":1}})")
            .kind,
        EventKind::Heartbeat);
    EXPECT_EQ(decode(std::nullopt,
                     R"({"status":"BEGIN","id":"571:53195829","ts_ms":1,"event_count":null,"data_collections":null})")
                  .kind,
              EventKind::Transaction);
    EXPECT_EQ(
        decode(std::nullopt, R"({"source":{},"ts_ms":1,"databaseName":"d","ddl":"ALTER TABLE x","tableChanges":[]})")
            .kind,
        EventKind::SchemaChange);
    EXPECT_EQ(
        decode(std::nullopt, R"({"op":"m","ts_ms":1,"source":{},"message":{"prefix":"p","content":"eA=="}})").kind,
        EventKind::LogicalMessage);
    EXPECT_EQ(decode(std::nullopt, R"({"source":{},"op":"t","ts_ms":1})").kind, EventKind::Truncate);
}

TEST_F(EventTest, PoisonIsRefused) {
    const std::string good = envelope("null", R"({"aid":7,"bid":1})", "c");
    for (const std::string& bad :
         {std::string(), std::string("{"), std::string("[]"), std::string("7"), std::string("{}"),
          std::string("not json"), envelope("null", R"({"aid":1,"bid":nul})", "c"), good.substr(0, good.size() - 1), good + "}", good + " x",
          std::string("{\"op\":\"c\"}"), std::string("{\"op\":\"x\",\"after\":{\"aid\":1}}"),
          envelope("null", R"({"bid":1})", "c"), envelope("null", R"({"aid":null})", "c"),
          envelope("null", "null", "d"), envelope("null", "{\"aid\":1,\"filler\":\"\xff\"}", "c"),
          std::string(R"({"schema":{"x":1},"payload":{}})"),
          std::string(R"({"schema":{"fields":[]},"payload":{"op":"c","after":{"aid":1})")})
        EXPECT_THROW(decode(std::nullopt, bad), Error) << bad;
    EXPECT_THROW(decode(R"({"other":7})", envelope(R"({"aid":0})", "null", "d")), Error); // filler in before is no key
    EXPECT_EQ(row(decode(std::nullopt, good)), "7|1|absent|absent");
}

TEST_F(EventTest, FlattenedRows) {
    modes.format = MessageFormat::Flattened;
    const Event event = decode(
        R"({"aid":7})",
        R"({"aid":7,"bid":1,"abalance":-5,"filler":"x","__op":"c","__table":"t","__source_ts_ms":1732400000123,"__ts_ms":1732400000200,"__lsn":9,"__deleted":"false"})");
    EXPECT_EQ(event.operation, Operation::Create);
    EXPECT_EQ(row(event), "7|1|-5|x");
    EXPECT_EQ(event.sourceMicros, 1732400000123000);
    EXPECT_EQ(event.debeziumMicros, 1732400000200000);
    EXPECT_EQ(event.position, "");
    EXPECT_EQ(decode(R"({"aid":7})", R"({"aid":7,"bid":1})").operation, Operation::Update);
    EXPECT_EQ(decode(R"({"aid":7})", R"({"aid":7,"bid":1,"__op":"r"})").operation, Operation::Read);
    EXPECT_EQ(row(decode(R"({"aid":8})", R"({"bid":1})")), "8|1|absent|absent"); // the key only in the key
    EXPECT_EQ(row(decode(std::nullopt, R"({"aid":9,"filler":"__debezium_unavailable_value"})")),
              "9|absent|absent|unavailable");
    const std::string schema =
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"aid"},{"type":"string","optional":true,"field":"__op"}],"optional":false,"name":"core.public.t.Value"},"payload":)";
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(row(decode(std::nullopt, schema + R"({"aid":3,"__op":"u"}})")), "3|absent|absent|absent");
}

TEST_F(EventTest, EveryWayToDeleteInAFlattenedTopic) {
    modes.format = MessageFormat::Flattened;
    const std::string key =
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"aid"}],"optional":false,"name":"core.Key"},"payload":{"aid":9}})";
    for (const std::optional<std::string_view> value :
         {std::optional<std::string_view>(), std::optional<std::string_view>("null"),
          std::optional<std::string_view>(
              R"({"schema":{"type":"struct","fields":[{"type":"int32","field":"aid"}]},"payload":null})"),
          std::optional<std::string_view>(R"({"schema":null,"payload":null})"),
          std::optional<std::string_view>(R"({"aid":9,"bid":0,"__deleted":"true"})"),
          std::optional<std::string_view>(R"({"aid":9,"bid":0,"__deleted":true})"),
          std::optional<std::string_view>(R"({"aid":9,"bid":0,"__op":"d"})")}) {
        const Event event = decode(key, value);
        EXPECT_EQ(event.kind, EventKind::Row);
        EXPECT_EQ(event.operation, Operation::Delete);
        EXPECT_EQ(row(event), "9|absent|absent|absent");
    }
    // Without a key in the record the row names it, and a null names nothing.
    EXPECT_EQ(row(decode(std::nullopt, R"({"aid":5,"bid":0,"__deleted":"true"})")), "5|absent|absent|absent");
    EXPECT_THROW(decode(std::nullopt, std::nullopt), Error);
}

TEST_F(EventTest, TheFormIsDetectedAndATombstoneMeansWhatItsTopicSays) {
    EXPECT_EQ(decode(R"({"aid":1})", std::nullopt).kind, EventKind::Tombstone); // nothing known, nothing there
    decode(R"({"aid":1})", R"({"aid":1,"bid":2})");
    EXPECT_EQ(table.form, RecordForm::Flattened);
    EXPECT_EQ(decode(R"({"aid":1})", std::nullopt).operation, Operation::Delete);
    decode(R"({"aid":1})", envelope("null", R"({"aid":1,"bid":2})", "c"));
    EXPECT_EQ(table.form, RecordForm::Envelope);
    EXPECT_EQ(decode(R"({"aid":1})", std::nullopt).kind, EventKind::Tombstone);
    // An enveloped topic takes a bare row only with the marks of flattening.
    EXPECT_THROW(decode(R"({"aid":1})", R"({"aid":1,"bid":2})"), Error);
    EXPECT_EQ(row(decode(R"({"aid":1})", R"({"aid":1,"bid":2,"__op":"u"})")), "1|2|absent|absent");
    EXPECT_EQ(table.form, RecordForm::Flattened);
}

TEST_F(EventTest, ColumnsMayBeCalledAsTheEnvelopesFields) {
    Target target;
    target.name = "t";
    target.columns = {{"op", ColumnType::Text},
                      {"before", ColumnType::Text},
                      {"after", ColumnType::Other},
                      {"ts_ms", ColumnType::Int8}};
    target.key = {0};
    table = TableDecoder(target);
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(row(decode(std::nullopt, R"({"op":"c","before":"x","after":"y","ts_ms":5})")), "c|x|y|5");
    EXPECT_EQ(row(decode(std::nullopt, R"({"op":"create","before":null,"after":{"a":1},"ts_ms":5})")),
              "create|null|{\"a\":1}|5");
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", R"({"op":"c","before":"x","after":"y","ts_ms":5})", "c"))),
              "c|x|y|5");
}

TEST_F(EventTest, ControlRecordsInAFlattenedTopicAreNoRows) {
    decode(R"({"aid":1})", R"({"aid":1,"bid":2})");
    EXPECT_EQ(decode(std::nullopt, R"({"ts_ms":1732400000200})").kind, EventKind::Heartbeat);
    EXPECT_EQ(
        decode(R"({"id":"x"})", R"({"status":"END","id":"571:5","event_count":"2","data_collections":[],"ts_ms":1})")
            .kind,
        EventKind::Transaction);
    EXPECT_EQ(
        decode(std::nullopt, R"({"source":{},"ts_ms":1,"databaseName":"d","ddl":"ALTER TABLE x","tableChanges":[]})")
            .kind,
        EventKind::SchemaChange);
    EXPECT_EQ(decode("core", R"({"type":"execute-snapshot","data":{"data-collections":["a"]}})").kind,
              EventKind::Signal);
    EXPECT_EQ(
        decode(
            std::nullopt,
            R"({"id":"1","aggregate_type":"Initial Snapshot","type":"COMPLETED","additional_data":{},"timestamp":1})")
            .kind,
        EventKind::Signal);
    // A table of that shape keeps its rows.
    Target target;
    target.name = "signals";
    target.columns = {{"id", ColumnType::Text}, {"type", ColumnType::Text}, {"data", ColumnType::Text}};
    target.key = {0};
    table = TableDecoder(target);
    EXPECT_EQ(row(decode(std::nullopt, R"({"id":"a","type":"log","data":"d"})")), "a|log|d");
}

TEST_F(EventTest, WithoutAKeyTheRowBeforeIsThere) {
    Target target = accounts();
    target.key = {};
    table = TableDecoder(target);
    const Event updated = decode(std::nullopt, envelope(R"({"aid":1,"bid":2,"abalance":3,"filler":"a"})",
                                                        R"({"aid":1,"bid":2,"abalance":4,"filler":"a"})", "u"));
    EXPECT_EQ(row(updated), "1|2|4|a");
    ASSERT_TRUE(updated.before);
    EXPECT_EQ(show(updated.before[2], ColumnType::Int4), "3");
    const Event deleted = decode(std::nullopt, envelope(R"({"aid":1,"bid":2,"abalance":3,"filler":"a"})", "null", "d"));
    ASSERT_TRUE(deleted.before);
    EXPECT_EQ(show(deleted.before[3], ColumnType::Char), "a");
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", R"({"aid":1})", "c"))), "1|absent|absent|absent");
    for (const char* op : {"u", "d"})
        EXPECT_THROW(decode(std::nullopt, envelope("null", op[0] == 'u' ? R"({"aid":1})" : "null", op)), Error);
}

TEST_F(EventTest, LogicalMessages) {
    const Event event = decode(
        R"({"prefix":"p\"q"})",
        R"({"op":"m","ts_ms":1,"source":{"connector":"postgresql","name":"core","db":"bank","ts_ms":1732400000123,"sequence":"[\"1\",\"4294967298\"]","txId":5,"lsn":4294967298},"message":{"prefix":"p\"q","content":"AAH/"}})");
    EXPECT_EQ(event.kind, EventKind::LogicalMessage);
    EXPECT_EQ(event.message.prefix, "p\"q");
    EXPECT_EQ(event.message.content, std::string_view("\0\1\xff", 3));
    EXPECT_EQ(event.message.lsn, "1/2");
    EXPECT_EQ(event.origin, "core/bank");
    EXPECT_THROW(decode(std::nullopt, R"({"op":"m","source":{},"message":{"prefix":"p","content":"?"}})"), Error);
    EXPECT_THROW(decode(std::nullopt, R"({"op":"m","source":{},"message":{"prefix":"\u0000","content":""}})"), Error);
}

TEST_F(EventTest, PlacesAndIdentities) {
    const std::string key = R"({"aid":7})", other = R"({"aid":8})";
    const auto at = [&](const std::string& op, const std::string& k) {
        return decode(k, envelope(op == "d" ? k : "null", op == "d" ? "null" : k, op));
    };
    const Event created = at("c", key);
    EXPECT_EQ(created.origin, "core/core");
    EXPECT_EQ(created.position.size(), 16u);
    EXPECT_TRUE(created.hasKey);
    EXPECT_EQ(created.debeziumMicros, 1732400000200111);
    EXPECT_EQ(created.identity, at("c", key).identity);
    EXPECT_NE(created.identity, at("c", other).identity);
    EXPECT_NE(created.identity, at("d", key).identity);
    EXPECT_EQ(at("r", key).position, "");
    // A record that cannot be decoded is placed none the less.
    const Event poison = decoder.place(table, {key, envelope("null", R"({"aid":"x"})", "c")});
    EXPECT_EQ(poison.position, created.position);
    EXPECT_EQ(decoder.place(table, {key, "{"}).position, "");
}

class CoalesceTest : public EventTest {
protected:
    std::deque<std::string> records;
    void add(const std::string& op, const std::string& row) {
        const std::string& key = records.emplace_back(row); // cells are views of their record
        const std::string& value = records.emplace_back(envelope("null", op == "d" ? "null" : row, op));
        const Event event = op == "d" ? decode(key, value) : decode(std::nullopt, value);
        changes.push_back({event.operation, 0, static_cast<uint32_t>(changes.size()), event.cells});
    }
    std::vector<std::string> net() {
        std::vector<const Change*> pointers;
        for (const Change& change : changes)
            pointers.push_back(&change);
        std::vector<std::string> result;
        Coalescer coalescer;
        for (const NetChange& one : coalescer.run(table.target, pointers, arena)) {
            const char* kind = one.kind == ChangeKind::Upsert   ? "upsert "
                               : one.kind == ChangeKind::Delete ? "delete "
                                                                : "replace ";
            result.push_back(kind + row({.cells = one.cells}) + " by " + std::to_string(one.last));
        }
        return result;
    }
    std::vector<Change> changes;
};

TEST_F(CoalesceTest, LastStateOfEachKeySortedByKey) {
    add("c", R"({"aid":2,"bid":1,"abalance":1,"filler":"a"})");
    add("c", R"({"aid":-1,"bid":1,"abalance":1,"filler":"b"})");
    add("u", R"({"aid":2,"bid":1,"abalance":9,"filler":"c"})");
    EXPECT_EQ(net(), (std::vector<std::string>{"upsert -1|1|1|b by 1", "upsert 2|1|9|c by 2"}));
}

TEST_F(CoalesceTest, WithheldAndMissingColumnsKeepTheEarlierValue) {
    add("u", R"({"aid":1,"bid":1,"abalance":1,"filler":"kept"})");
    add("u", R"({"aid":1,"abalance":2,"filler":"__debezium_unavailable_value"})");
    add("u", R"({"aid":2,"filler":"__debezium_unavailable_value"})");
    add("u", R"({"aid":2,"bid":null})");
    EXPECT_EQ(net(), (std::vector<std::string>{"upsert 1|1|2|kept by 1", "upsert 2|null|absent|unavailable by 3"}));
}

TEST_F(CoalesceTest, DeleteWinsOrIsReplaced) {
    add("c", R"({"aid":1,"bid":1})");
    add("d", R"({"aid":1})");
    add("d", R"({"aid":2})");
    add("c", R"({"aid":2,"bid":7})");
    add("u", R"({"aid":2,"abalance":8})");
    EXPECT_EQ(net(), (std::vector<std::string>{"delete 1|absent|absent|absent by 1", "replace 2|7|8|absent by 4"}));
}

TEST_F(CoalesceTest, IncomparableKeysStayAsTheyCame) {
    table.target.comparableKey = false;
    add("c", R"({"aid":2})");
    add("c", R"({"aid":1})");
    add("u", R"({"aid":2})");
    EXPECT_EQ(net().size(), 3u);
    EXPECT_EQ(net()[0], "upsert 2|absent|absent|absent by 0");
}

TEST_F(CoalesceTest, KeysEqualInPostgresAreOneKey) {
    table.target.columns[0].type = ColumnType::Numeric;
    table.target.key = {0, 3};
    add("c", R"({"aid":1.0,"filler":"x "})");
    add("u", R"({"aid":1.00,"filler":"x"})");
    add("u", R"({"aid":10,"filler":"x"})");
    EXPECT_EQ(net().size(), 2u);
}

TEST_F(CoalesceTest, ThousandsOfKeys) {
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 5000; ++i)
            add("c", R"({"aid":)" + std::to_string((i * 7919) % 5000) + R"(,"bid":)" + std::to_string(round) + "}");
    const auto result = net();
    ASSERT_EQ(result.size(), 5000u);
    EXPECT_EQ(result[4321].substr(0, 14), "upsert 4321|1|");
}

} // namespace
} // namespace standin::cdc
