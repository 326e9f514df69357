#include "cdc/event_fixture.h"

namespace standin::cdc {
namespace {

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
        EXPECT_EQ(row(decode(R"({"aid":1})", withSchema(one, envelope("null", R"({"aid":1,"bid":2})", "u")))),
                  "1|2|absent|absent");
        const Event event =
            decode(R"({"aid":4})", withSchema(two, envelope("null", R"({"abalance":3,"aid":4,"extra":"?"})", "u")));
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
    EXPECT_EQ(decode(R"({"serverName":"core"})", R"({"ts_ms":1732400000200})").kind, EventKind::Heartbeat);
    EXPECT_EQ(
        decode(
            R"({"serverName":"core"})",
            R"({"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"}]},"payload":{"ts_ms":1}})")
            .kind,
        EventKind::Heartbeat);
    EXPECT_EQ(decode(R"({"id":"571:53195829"})",
                     R"({"status":"BEGIN","id":"571:53195829","ts_ms":1,"event_count":null,"data_collections":null})")
                  .kind,
              EventKind::Transaction);
    EXPECT_EQ(
        decode(R"({"databaseName":"d"})", R"({"source":{},"ts_ms":1,"databaseName":"d","ddl":"ALTER TABLE x","tableChanges":[]})")
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
          std::string("not json"), envelope("null", R"({"aid":1,"bid":nul})", "c"), good.substr(0, good.size() - 1),
          good + "}", good + " x", std::string("{\"op\":\"c\"}"), std::string("{\"op\":\"x\",\"after\":{\"aid\":1}}"),
          envelope("null", R"({"bid":1})", "c"), envelope("null", R"({"aid":null})", "c"),
          envelope("null", "null", "d"), envelope("null", "{\"aid\":1,\"filler\":\"\xff\"}", "c"),
          std::string(R"({"schema":{"x":1},"payload":{}})"),
          std::string(R"({"schema":{"fields":[]},"payload":{"op":"c","after":{"aid":1})")})
        EXPECT_THROW(decode(std::nullopt, bad), Error) << bad;
    EXPECT_THROW(decode(R"({"other":7})", envelope(R"({"aid":0})", "null", "d")), Error); // filler in before is no key
    EXPECT_EQ(row(decode(std::nullopt, good)), "7|1|absent|absent");
}

TEST_F(EventTest, WithoutAKeyTheRowBeforeIsThere) {
    Target target = accounts();
    target.key = {};
    table = TableDecoder(target);
    const Event updated = decode(std::nullopt, envelope(R"({"aid":1,"bid":2,"abalance":3,"filler":"a"})",
                                                        R"({"aid":1,"bid":2,"abalance":4,"filler":"a"})", "u"));
    EXPECT_EQ(row(updated), "1|2|4|a");
    ASSERT_TRUE(updated.before);
    EXPECT_EQ(show(updated.before[2], target.columns[2]), "3");
    const Event deleted = decode(std::nullopt, envelope(R"({"aid":1,"bid":2,"abalance":3,"filler":"a"})", "null", "d"));
    ASSERT_TRUE(deleted.before);
    EXPECT_EQ(show(deleted.before[3], target.columns[3]), "a");
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

} // namespace
} // namespace standin::cdc
