#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>

#include "base/base64.h"
#include "cdc/avro/reader.h"
#include "cdc/avro/records.h"
#include "cdc/value/connect_schema.h"

namespace standin::cdc {
namespace {

std::string varint(int64_t value) {
    auto bits = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
    std::string bytes;
    for (; bits >= 0x80; bits >>= 7)
        bytes += static_cast<char>(bits | 0x80);
    return bytes + static_cast<char>(bits);
}

std::string text(const std::string& value) { return varint(static_cast<int64_t>(value.size())) + value; }

template <class Float> std::string raw(Float value) {
    std::string bytes(sizeof(value), '\0');
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
}

std::string json(const std::string& schema, const std::string& body) {
    const AvroSchema parsed({schema});
    std::string out;
    avroToJson(parsed.root(), body, out);
    return out;
}

std::string stateOf(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.sqlstate();
    }
    return "";
}

std::string refusal(const std::string& schema, const std::string& body) {
    return stateOf([&] { json(schema, body); });
}

TEST(Avro, Primitives) {
    EXPECT_EQ(json(R"("null")", ""), "null");
    EXPECT_EQ(json(R"("boolean")", std::string("\1")), "true");
    EXPECT_EQ(json(R"("boolean")", std::string("\0", 1)), "false");
    EXPECT_EQ(json(R"({"type":"string"})", text("a\"\\\n\x01 é")), R"("a\"\\\u000a\u0001 é")");
    EXPECT_EQ(json(R"("string")", text(std::string("a\0b", 3))), R"("a\u0000b")");
    EXPECT_EQ(json(R"("bytes")", text(std::string("\0\xff\x10", 3))), "\"AP8Q\"");
    EXPECT_EQ(json(R"({"type":"fixed","name":"f","size":2})", "ab"), "\"YWI=\"");
    EXPECT_EQ(json(R"({"type":"enum","name":"e","symbols":["A","B"]})", varint(1)), "\"B\"");
}

TEST(Avro, IntegersNeverPassThroughADouble) {
    for (const int64_t value : {INT64_MIN, INT64_MIN + 1, int64_t(-9007199254740993), int64_t(-65), int64_t(-1),
                                int64_t(0), int64_t(63), int64_t(64), int64_t(9007199254740993), INT64_MAX})
        EXPECT_EQ(json(R"("long")", varint(value)), std::to_string(value));
    for (const int32_t value : {INT32_MIN, -1, 0, INT32_MAX})
        EXPECT_EQ(json(R"("int")", varint(value)), std::to_string(value));
}

TEST(Avro, FloatsReadBackTheSame) {
    for (const double value : {0.1, -0.0, 1e22, 5e-324, 1.7976931348623157e308, 123456789.123456789, 2.0 / 3}) {
        const std::string written = json(R"("double")", raw(value));
        EXPECT_EQ(std::bit_cast<int64_t>(std::strtod(written.c_str(), nullptr)), std::bit_cast<int64_t>(value))
            << written;
    }
    for (const float value : {0.1f, 16777217.0f, 1e-45f, 3.4028235e38f})
        EXPECT_EQ(std::strtof(json(R"("float")", raw(value)).c_str(), nullptr), value);
    EXPECT_EQ(json(R"("float")", raw(0.1f)), "0.1");
    EXPECT_EQ(json(R"("double")", raw(std::numeric_limits<double>::quiet_NaN())), "\"NaN\"");
    EXPECT_EQ(json(R"("double")", raw(-std::numeric_limits<double>::infinity())), "\"-Infinity\"");
    EXPECT_EQ(json(R"("float")", raw(std::numeric_limits<float>::infinity())), "\"Infinity\"");
}

TEST(Avro, UnionsTakeTheBranchAndNeverADefault) {
    const std::string record =
        R"({"type":"record","name":"r","fields":[{"name":"a","type":["null","string"],"default":null},)"
        R"({"name":"b","type":[{"type":"string","connect.default":"x"},"null"],"default":"x"}]})";
    EXPECT_EQ(json(record, varint(1) + text("v") + varint(1)), R"({"a":"v","b":null})");
    EXPECT_EQ(json(record, varint(0) + varint(0) + text("")), R"({"a":null,"b":""})");
    EXPECT_EQ(json(R"(["null","long","string",{"type":"array","items":"int"}])", varint(2) + text("t")), "\"t\"");
}

TEST(Avro, CollectionsInAnyBlocks) {
    const std::string list = R"({"type":"array","items":["null","int"]})";
    EXPECT_EQ(json(list, varint(0)), "[]");
    const std::string items = varint(1) + varint(7) + varint(0);
    EXPECT_EQ(json(list, varint(2) + items + varint(0)), "[7,null]");
    EXPECT_EQ(json(list, varint(-2) + varint(3) + items + varint(1) + varint(1) + varint(9) + varint(0)), "[7,null,9]");
    EXPECT_EQ(json(R"({"type":"map","values":"string"})",
                   varint(2) + text("k\"") + text("v") + text("") + text("w") + varint(0)),
              R"({"k\"":"v","":"w"})");
}

TEST(Avro, MalformedBodiesAreTheRecordsFault) {
    EXPECT_EQ(refusal(R"("int")", ""), "22P03");
    EXPECT_EQ(refusal(R"("int")", varint(1) + "x"), "22P03");
    EXPECT_EQ(refusal(R"("int")", varint(int64_t(INT32_MAX) + 1)), "22P03");
    EXPECT_EQ(refusal(R"("long")", std::string(10, '\xff')), "22P03");
    EXPECT_EQ(refusal(R"("long")", std::string(9, '\xff') + "\x02"), "22P03");
    EXPECT_EQ(refusal(R"("boolean")", "\2"), "22P03");
    EXPECT_EQ(refusal(R"("double")", "1234567"), "22P03");
    EXPECT_EQ(refusal(R"("string")", varint(-1)), "22P03");
    EXPECT_EQ(refusal(R"("string")", varint(INT64_MAX) + "abc"), "22P03");
    EXPECT_EQ(refusal(R"("bytes")", varint(4) + "abc"), "22P03");
    EXPECT_EQ(refusal(R"({"type":"fixed","name":"f","size":18446744073709551615})", "abc"), "22P03");
    EXPECT_EQ(refusal(R"(["null","int"])", varint(2)), "22P03");
    EXPECT_EQ(refusal(R"(["null","int"])", varint(-1)), "22P03");
    EXPECT_EQ(refusal(R"({"type":"enum","name":"e","symbols":["A"]})", varint(1)), "22P03");
    EXPECT_EQ(refusal(R"({"type":"array","items":"int"})", varint(INT64_MIN) + varint(1)), "22P03");
    EXPECT_EQ(refusal(R"({"type":"array","items":"int"})", varint(1000000)), "22P03");
}

TEST(Avro, ClaimsWithoutEndHaveOne) {
    EXPECT_EQ(refusal(R"({"type":"array","items":"null"})", varint(int64_t(1) << 60)), "54000");
    const std::string list = R"({"type":"record","name":"n","fields":[{"name":"next","type":["null","n"]}]})";
    EXPECT_EQ(json(list, varint(1) + varint(1) + varint(0)), R"({"next":{"next":{"next":null}}})");
    EXPECT_EQ(refusal(list, std::string(100000, '\2')), "54001");
}

TEST(AvroSchema, NamesAndNamespaces) {
    const std::string schema =
        R"({"type":"record","name":"Outer","namespace":"a.b","fields":[)"
        R"({"name":"x","type":{"type":"record","name":"c.Inner","fields":[{"name":"e","type":{"type":"enum","name":"E","symbols":["S"]}}]}},)"
        R"({"name":"y","type":"c.Inner"},{"name":"z","type":{"type":"c.E"}},{"name":"self","type":["null","Outer"]}]})";
    EXPECT_EQ(json(schema, varint(0) + varint(0) + varint(0) + varint(0)),
              R"({"x":{"e":"S"},"y":{"e":"S"},"z":"S","self":null})");
}

TEST(AvroSchema, ReferencedOnesComeFirst) {
    const AvroSchema schema({R"({"type":"record","name":"p.Money","fields":[{"name":"cents","type":"long"}]})",
                             R"({"type":"record","name":"p.Row","fields":[{"name":"amount","type":"Money"}]})"});
    std::string out;
    avroToJson(schema.root(), varint(5), out);
    EXPECT_EQ(out, R"({"amount":{"cents":5}})");
}

TEST(AvroSchema, NonsenseIsRefused) {
    for (const char* schema :
         {"", "{", "5", R"("unheard")", "[]", R"({"name":"x"})", R"({"type":"record","name":"r"})",
          R"({"type":"record","fields":[]})", R"({"type":"record","name":"r","fields":[{"name":"a"}]})",
          R"({"type":"array"})", R"({"type":"fixed","name":"f"})", R"({"type":"fixed","name":"f","size":-1})",
          R"({"type":"enum","name":"e","symbols":[1]})",
          R"({"type":"record","name":"r","fields":[{"name":"a","type":"r2"}]})",
          R"([{"type":"fixed","name":"f","size":1},{"type":"fixed","name":"f","size":2}])",
          R"({"type":"record","name":"r","fields":[{"name":"a","type":["null","string","bytes"]}]})"})
        EXPECT_EQ(stateOf([&] { AvroSchema({schema}); }), "22023") << schema;
    std::string deep = R"("int")";
    for (int i = 0; i < 200; ++i)
        deep = R"({"type":"array","items":)" + deep + "}";
    EXPECT_EQ(stateOf([&] { AvroSchema({deep}); }), "22023");
}

TEST(AvroSchema, TypesOfTypesDoNotMultiply) {
    std::vector<std::string> texts = {R"({"type":"record","name":"r0","fields":[]})"};
    for (int i = 1; i < 60; ++i) {
        const std::string inner = "r" + std::to_string(i - 1);
        texts.push_back(R"({"type":"record","name":"r)" + std::to_string(i) + R"(","fields":[{"name":"a","type":")" +
                        inner + R"("},{"name":"b","type":")" + inner + R"("}]})");
    }
    EXPECT_EQ(stateOf([&] { AvroSchema schema(texts); }), "22023");
}

std::string connectOf(const std::string& type) {
    const AvroSchema schema({R"({"type":"record","name":"r","fields":[{"name":"f","type":)" + type + "}]}"});
    const std::string before = R"({"type":"struct","fields":[)";
    const std::string after = R"(,"field":"f"}],"optional":false,"name":"r"})";
    const std::string& connect = schema.connect();
    EXPECT_TRUE(connect.starts_with(before) && connect.ends_with(after)) << connect;
    return connect.substr(before.size(), connect.size() - before.size() - after.size());
}

TEST(AvroSchema, SaysWhatConnectWouldHaveSaid) {
    EXPECT_EQ(connectOf(R"("int")"), R"({"type":"int32","optional":false)");
    EXPECT_EQ(connectOf(R"({"type":"int","connect.type":"int16"})"), R"({"type":"int16","optional":false)");
    EXPECT_EQ(connectOf(R"(["null",{"type":"int","connect.version":1,"connect.name":"io.debezium.time.Date"}])"),
              R"({"type":"int32","optional":true,"name":"io.debezium.time.Date")");
    const std::string decimal =
        R"({"type":"bytes","optional":false,"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2")";
    EXPECT_EQ(
        connectOf(
            R"({"type":"bytes","scale":2,"precision":9,"connect.version":1,"connect.parameters":{"scale":"2","connect.decimal.precision":"9"},)"
            R"("connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"})"),
        decimal + R"(,"connect.decimal.precision":"9"})");
    EXPECT_EQ(connectOf(R"({"type":"bytes","logicalType":"decimal","precision":9,"scale":2})"),
              decimal + R"(,"connect.decimal.precision":"9"})");
    EXPECT_EQ(connectOf(R"({"type":"long","logicalType":"timestamp-micros"})"),
              R"({"type":"int64","optional":false,"name":"io.debezium.time.MicroTimestamp")");
    EXPECT_EQ(
        connectOf(R"({"type":"long","logicalType":"timestamp-millis","connect.name":"io.debezium.time.Timestamp"})"),
        R"({"type":"int64","optional":false,"name":"io.debezium.time.Timestamp")");
    EXPECT_EQ(
        connectOf(R"({"type":"string","connect.name":"io.debezium.data.Enum","connect.parameters":{"allowed":"a,b"}})"),
        R"({"type":"string","optional":false,"name":"io.debezium.data.Enum","parameters":{"allowed":"a,b"})");
    EXPECT_EQ(connectOf(R"({"type":"array","items":["null","double"]})"),
              R"({"type":"array","items":{"type":"double","optional":true},"optional":false)");
    EXPECT_EQ(
        connectOf(R"({"type":"map","values":"bytes"})"),
        R"({"type":"map","keys":{"type":"string","optional":false},"values":{"type":"bytes","optional":false},"optional":false)");
    EXPECT_EQ(connectOf(R"(["null","r"])"), R"({"type":"struct","fields":[],"optional":true,"name":"r")");
}

TEST(AvroRecords, KnowsTheWireFormat) {
    using namespace std::string_literals;
    EXPECT_EQ(AvroRecords::schemaId("\0\0\0\1\2"s), 258u);
    EXPECT_EQ(AvroRecords::schemaId("\0\xff\xff\xff\xff\2"s), 0xffffffffu);
    EXPECT_FALSE(AvroRecords::schemaId("\0\0\0\1"s));
    EXPECT_FALSE(AvroRecords::schemaId("{\"a\":1}"));
    EXPECT_FALSE(AvroRecords::schemaId(std::nullopt));
    EXPECT_FALSE(AvroRecords::schemaId("\0\0\0\0\0\0\0\7"s)); // no schema is number 0: LongConverter's 7
}

TEST(AvroRecords, AKeyThatBeginsWithZeroNeedNotBeAvro) {
    Arena arena;
    using namespace std::string_literals;
    const std::string key = "\0\0\0\7\0\0\0\7"s, json = "{}", avro = "\0\0\0\0\1x"s;
    const Record beside{key, json}, tombstone{key, std::nullopt}, both{key, avro};
    const auto read = [&](AvroRecords::Keys keys, const Record& record) {
        std::vector<uint32_t> asked;
        AvroRecords(keys).learn(record, [&](uint32_t id) {
            asked.push_back(id);
            return std::optional(std::vector<std::string>{R"("long")"});
        });
        return std::find(asked.begin(), asked.end(), 1792u) != asked.end();
    };
    EXPECT_TRUE(read(AvroRecords::Keys::Any, beside));
    EXPECT_FALSE(read(AvroRecords::Keys::BesideAvro, beside));
    EXPECT_TRUE(read(AvroRecords::Keys::BesideAvro, tombstone));
    EXPECT_TRUE(read(AvroRecords::Keys::BesideAvro, both));
    EXPECT_FALSE(read(AvroRecords::Keys::None, both));
    EXPECT_EQ(AvroRecords(AvroRecords::Keys::None).toJson(beside, arena).key, std::optional<std::string_view>(key));
}

std::string framed(uint32_t id, const std::string& body) {
    std::string bytes(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(id >> shift);
    return bytes + body;
}

const std::string idRecord = R"({"type":"record","name":"k","fields":[{"name":"id","type":"int"}]})";

TEST(AvroRecords, KeyAndValueIndependentlyAndEachSchemaOnce) {
    AvroRecords records;
    Arena arena;
    std::vector<uint32_t> asked;
    const AvroRecords::Fetch fetch = [&](uint32_t id) {
        asked.push_back(id);
        return std::optional(std::vector<std::string>{idRecord});
    };
    const std::string key = framed(1, varint(7)), value = framed(2, varint(8));
    for (const Record& record : {Record{R"({"id":7})", value}, Record{key, value}, Record{key, R"({"id":8})"}}) {
        EXPECT_TRUE(records.learn(record, fetch));
        const Record plain = records.toJson(record, arena);
        EXPECT_EQ(plain.key, R"({"id":7})");
        EXPECT_EQ(plain.value, R"({"id":8})");
        EXPECT_EQ(plain.valueSchema != nullptr, record.value == value);
        EXPECT_EQ(plain.keySchema != nullptr, record.key == key);
    }
    EXPECT_EQ(asked, (std::vector<uint32_t>{2, 1}));
    EXPECT_FALSE(records.toJson({key, std::nullopt}, arena).value);
}

TEST(AvroRecords, WhatTheRegistryLacksIsAskedAgainAndTheWorldsFaultGoesOn) {
    AvroRecords records;
    Arena arena;
    const std::string value = framed(9, varint(8));
    const Record record{std::nullopt, value};
    const auto failing = [](const char* sqlstate) -> AvroRecords::Fetch {
        return [sqlstate](uint32_t) -> std::optional<std::vector<std::string>> { throw Error(sqlstate, "no"); };
    };
    EXPECT_EQ(stateOf([&] { records.learn(record, failing("08006")); }), "08006");
    EXPECT_EQ(stateOf([&] { records.toJson(record, arena); }), "55000");
    EXPECT_TRUE(records.learn(record, failing("22023")));
    EXPECT_EQ(stateOf([&] { records.toJson(record, arena); }), "22023");
    EXPECT_FALSE(AvroRecords().learn(record, [](uint32_t) { return std::nullopt; }));
    records.forgetRefused();
    EXPECT_TRUE(records.learn(record, [](uint32_t) { return std::optional(std::vector<std::string>{idRecord}); }));
    EXPECT_EQ(records.toJson(record, arena).value, R"({"id":8})");
}

TEST(AvroRecords, DecodeLikeTheirJson) {
    Target target;
    target.name = "t";
    target.columns = {{"id", ColumnType::Int4},
                      {"amount", ColumnType::Numeric},
                      {"at", ColumnType::Timestamp},
                      {"data", ColumnType::Bytea}};
    target.key = {0};
    const std::string row =
        R"({"type":"record","name":"Value","fields":[{"name":"id","type":"int"},)"
        R"({"name":"amount","type":["null",{"type":"bytes","scale":2,"precision":9,"connect.parameters":{"scale":"2"},"connect.name":"org.apache.kafka.connect.data.Decimal","logicalType":"decimal"}],"default":null},)"
        R"({"name":"at","type":{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}},{"name":"data","type":"bytes"}]})";
    const std::string schema =
        R"({"type":"record","name":"Envelope","namespace":"s","fields":[{"name":"before","type":["null",)" + row +
        R"(]},{"name":"after","type":["null","Value"]},{"name":"op","type":"string"}]})";
    AvroRecords records;
    Arena arena;
    const SourceModes modes;
    EventDecoder decoder(modes, arena);
    TableDecoder table(target);
    const std::string value = framed(1, varint(0) + varint(1) + varint(5) + varint(1) + text("\x04\xd2") +
                                            varint(946684800000001) + text(std::string("\0\1", 2)) + text("c"));
    ASSERT_TRUE(records.learn({std::nullopt, value}, [&](uint32_t) { return std::optional(std::vector{schema}); }));
    for (int i = 0; i < 2; ++i) {
        const Event event = decoder.decode(table, records.toJson({std::nullopt, value}, arena));
        EXPECT_EQ(event.operation, Operation::Create);
        EXPECT_EQ(event.cells[0].value, 5);
        EXPECT_EQ(toText(toDecimal(*reinterpret_cast<const DecimalCell*>(event.cells[1].data))), "12.34");
        EXPECT_EQ(event.cells[2].value, 1);
        EXPECT_EQ(event.cells[3].bytes(), std::string_view("\0\1", 2));
    }
}

} // namespace
} // namespace standin::cdc
