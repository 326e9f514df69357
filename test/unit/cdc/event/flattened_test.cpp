#include "cdc/event_fixture.h"

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
    EXPECT_EQ(row(decode(R"({"aid":9})", R"({"aid":9,"filler":"__debezium_unavailable_value"})")),
              "9|absent|absent|unavailable");
    const std::string schema =
        R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"aid"},{"type":"string","optional":true,"field":"__op"}],"optional":false,"name":"core.public.t.Value"},"payload":)";
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(row(decode("3", schema + R"({"aid":3,"__op":"u"}})")), "3|absent|absent|absent");
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
        EXPECT_EQ(row(decode("c", R"({"op":"c","before":"x","after":"y","ts_ms":5})")), "c|x|y|5");
    EXPECT_EQ(row(decode("create", R"({"op":"create","before":null,"after":{"a":1},"ts_ms":5})")),
              "create|null|{\"a\":1}|5");
    EXPECT_EQ(row(decode(std::nullopt, envelope("null", R"({"op":"c","before":"x","after":"y","ts_ms":5})", "c"))),
              "c|x|y|5");
}

TEST_F(EventTest, ControlRecordsInAFlattenedTopicAreNoRows) {
    decode(R"({"aid":1})", R"({"aid":1,"bid":2})");
    EXPECT_EQ(decode(R"({"serverName":"core"})", R"({"ts_ms":1732400000200})").kind, EventKind::Heartbeat);
    EXPECT_EQ(
        decode(R"({"id":"x"})", R"({"status":"END","id":"571:5","event_count":"2","data_collections":[],"ts_ms":1})")
            .kind,
        EventKind::Transaction);
    EXPECT_EQ(decode(R"({"databaseName":"d"})",
                     R"({"source":{},"ts_ms":1,"databaseName":"d","ddl":"ALTER TABLE x","tableChanges":[]})")
                  .kind,
              EventKind::SchemaChange);
    EXPECT_EQ(decode("core", R"({"type":"execute-snapshot","data":{"data-collections":["a"]}})").kind,
              EventKind::Signal);
    EXPECT_EQ(
        decode(
            R"({"id":"1"})",
            R"({"id":"1","aggregate_type":"Initial Snapshot","type":"COMPLETED","additional_data":{},"timestamp":1})")
            .kind,
        EventKind::Signal);
    EXPECT_EQ(decode(R"({"schema":{"type":"struct","fields":[]},"payload":{"serverName":"core"}})",
                     R"({"ts_ms":1732400000200})")
                  .kind,
              EventKind::Heartbeat);
}

TEST_F(EventTest, ARowIsNoControlRecordForTheFieldsThatItHas) {
    Target target;
    target.name = "entry";
    target.columns = {{"id", ColumnType::Int4}, {"type", ColumnType::Text}, {"status", ColumnType::Text}};
    target.key = {0};
    table = TableDecoder(target);
    EXPECT_EQ(row(decode(R"({"id":1})", R"({"id":1,"type":"deposit","data":"x"})")), "1|deposit|absent");
    EXPECT_EQ(row(decode(R"({"id":2})", R"({"id":2,"status":"BEGIN","event_count":3})")), "2|absent|BEGIN");
    EXPECT_EQ(row(decode(R"({"id":3})", R"({"id":3,"type":"t","aggregate_type":"a","additional_data":{}})")),
              "3|t|absent");
    EXPECT_EQ(row(decode(R"({"id":4})", R"({"id":4,"type":"t","ddl":"x","source":"y"})")), "4|t|absent");
    EXPECT_EQ(row(decode("5", R"({"id":5,"type":"deposit","data":"x"})")), "5|deposit|absent");
    // What has no column is said to have none.
    EXPECT_THROW(decode(R"({"id":5})", R"({"ts_ms":1})"), Error);
    // Flattening leaves nothing to tell one from a row.
    modes.format = MessageFormat::Flattened;
    EXPECT_THROW(decode(R"({"serverName":"core"})", R"({"ts_ms":1732400000200})"), Error);
}

TEST_F(EventTest, AnObjectOfWhichNoFieldHasAColumnIsNoRow) {
    for (const char* value : {R"({"totally":"different"})", "{}", R"({"aid":5})", R"({"aid":5,"other":1})"})
        EXPECT_THROW(decode(R"({"aid":5})", value), Error) << value;
    EXPECT_EQ(row(decode(R"({"aid":5})", R"({"bid":null})")), "5|null|absent|absent");
    // A table that has only its key has only that in its rows.
    Target target = accounts();
    target.columns.resize(1);
    table = TableDecoder(target);
    EXPECT_EQ(row(decode(R"({"aid":5})", R"({"aid":5})")), "5");
}

TEST_F(EventTest, JsonHasNoOrder) {
    const std::string schema = R"({"type":"struct","fields":[{"type":"int32","optional":false,"field":"aid"}]})";
    const std::string key = R"({"payload":{"aid":5},"schema":)" + schema + "}";
    const std::string fields =
        R"({"type":"int32","optional":false,"field":"aid"},{"type":"int32","optional":true,"field":"bid"})";
    for (int i = 1; i < 4; ++i) {
        const std::string bid = std::to_string(i);
        const std::string wrapped = withSchema(fields, envelope("null", R"({"aid":5,"bid":)" + bid + "}", "c"));
        const size_t split = wrapped.find(R"(,"payload":)");
        const std::string swapped = R"({"payload":)" + wrapped.substr(split + 11, wrapped.size() - split - 12) + " , " +
                                    wrapped.substr(1, split - 1) + " }";
        EXPECT_EQ(row(decode(key, swapped)), "5|" + bid + "|absent|absent") << swapped;
        EXPECT_EQ(row(decode(key, wrapped)), "5|" + bid + "|absent|absent");
        EXPECT_EQ(table.form, RecordForm::Envelope);
    }
    const Event deleted = decode(key, R"({"payload":)" + envelope(R"({"aid":5})", "null", "d") + R"(,"schema":null})");
    EXPECT_EQ(deleted.operation, Operation::Delete);
    EXPECT_EQ(row(deleted), "5|absent|absent|absent");
    // Columns of these names are a row's.
    Target target;
    target.name = "t";
    target.columns = {{"payload", ColumnType::Other}, {"schema", ColumnType::Text}, {"id", ColumnType::Int4}};
    target.key = {2};
    table = TableDecoder(target);
    EXPECT_EQ(row(decode("7", R"({"payload":{"a":1},"schema":"x","id":7})")), "{\"a\":1}|x|7");
    EXPECT_EQ(row(decode("7", R"({"payload":{"a":1},"schema":null,"id":7})")), "{\"a\":1}|null|7");
}

TEST_F(EventTest, ADeleteWhoseKeyIsNoObjectIsNamedByTheRowBefore) {
    const std::string before = R"({"aid":7,"bid":0,"abalance":0,"filler":null})";
    for (const char* key : {"7", "Struct{aid=7}", R"("7")", R"({"other":1})"}) {
        EXPECT_EQ(row(decode(key, envelope(before, "null", "d"))), "7|absent|absent|absent") << key;
        // Zero may be what stands for a value that is not known.
        EXPECT_THROW(decode(key, envelope(R"({"aid":0,"bid":5})", "null", "d")), Error) << key;
        EXPECT_THROW(decode(key, envelope("null", "null", "d")), Error) << key;
    }
    table = TableDecoder(accounts());
    EXPECT_EQ(row(decode("7", R"({"aid":7,"bid":1,"__deleted":"true"})")), "7|absent|absent|absent");
    EXPECT_THROW(decode("7", R"({"aid":0,"bid":1,"__deleted":"true"})"), Error);
}

TEST_F(EventTest, ATableOfTheShapeOfSignalsKeepsItsRows) {
    // A table of that shape keeps its rows.
    Target target;
    target.name = "signals";
    target.columns = {{"id", ColumnType::Text}, {"type", ColumnType::Text}, {"data", ColumnType::Text}};
    target.key = {0};
    table = TableDecoder(target);
    EXPECT_EQ(row(decode(R"("a")", R"({"id":"a","type":"log","data":"d"})")), "a|log|d");
}

} // namespace
} // namespace standin::cdc
