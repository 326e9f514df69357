#include "event_fixture.h"

namespace standin::cdc {
namespace {

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

} // namespace
} // namespace standin::cdc
