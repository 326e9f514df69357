#include "cdc/value_fixture.h"

namespace standin::cdc {
namespace {

TEST_F(ValueTest, TextIsUnescaped) {
    EXPECT_EQ(value(ColumnType::Text, R"("a\"b\\c\n\u00e4\ud83d\ude00")"), "a\"b\\c\n\u00e4\U0001F600");
    EXPECT_EQ(value(ColumnType::Text, R"("a\u0000b")"), "22P05 v");
    EXPECT_EQ(value(ColumnType::Text, R"("\ud800")"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Text, "12.50"), "12.50");
    EXPECT_EQ(value(ColumnType::Text, "true"), "true");
    EXPECT_EQ(value(ColumnType::Other, R"({"a": [1, 2]})"), R"({"a": [1, 2]})");
    EXPECT_EQ(value(ColumnType::Other, R"("{\"a\":1}")", field("string", "io.debezium.data.Json")), R"({"a":1})");
    EXPECT_EQ(value(ColumnType::Other, R"("<a/>")", field("string", "io.debezium.data.Xml")), "<a/>");
    EXPECT_EQ(value(ColumnType::Other, "\"[1,5)\"", field("string")), "[1,5)");
}

TEST_F(ValueTest, BytesAndUuids) {
    EXPECT_EQ(value(ColumnType::Bytea, "\"Zm9v\"", field("bytes")), "foo");
    EXPECT_EQ(value(ColumnType::Bytea, "\"Zm9v\""), "foo");
    EXPECT_EQ(value(ColumnType::Bytea, "\"Zm9\\/\""), "fo\x7f");
    EXPECT_EQ(value(ColumnType::Bytea, "\"\""), "");
    EXPECT_EQ(value(ColumnType::Bytea, "\"!!\""), "22P02 v");
    EXPECT_EQ(value(ColumnType::Bytea, "5"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Bytea, "\"{}\"", field("string", "io.debezium.data.Json")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Bytea, R"({"wkb":"Zm9v","srid":4326})"), "foo");
    modes.binary = BinaryMode::Base64Url;
    EXPECT_EQ(value(ColumnType::Bytea, "\"_-8=\"", field("string")), "\xff\xef");
    modes.binary = BinaryMode::Hex;
    EXPECT_EQ(value(ColumnType::Bytea, "\"666f6f\""), "foo");
    EXPECT_EQ(value(ColumnType::Bytea, "\"666f6f\"", field("string")), "foo");
    EXPECT_EQ(value(ColumnType::Bytea, "\"Zm9v\"", field("bytes")), "foo");
    EXPECT_EQ(value(ColumnType::Bytea, "\"666\""), "22P02 v");
    EXPECT_EQ(value(ColumnType::Uuid, "\"61626364-6566-6768-696a-6b6c6d6e6f70\""), "abcdefghijklmnop");
    EXPECT_EQ(value(ColumnType::Uuid, "\"61626364\""), "22P02 v");
}

TEST_F(ValueTest, BytesOfTypesThatDebeziumDoesNotKnow) {
    EXPECT_EQ(value(ColumnType::Other, "\"Zm9v\"", field("bytes")), "foo");
    EXPECT_EQ(value(ColumnType::Text, "\"/w==\"", field("bytes")), "22021 v");
    EXPECT_EQ(value(ColumnType::Text, "\"AA==\"", field("bytes")), "22P05 v");
}

TEST_F(ValueTest, EnumLabels) {
    const std::string labels =
        field("string", "io.debezium.data.Enum", R"("allowed":"plain,comma\\,here,back\\\\,slash")");
    EXPECT_EQ(value(ColumnType::Other, R"("plain")", labels), "plain");
    EXPECT_EQ(value(ColumnType::Other, R"("comma,here")", labels), "comma,here");     // MariaDB's snapshot
    EXPECT_EQ(value(ColumnType::Other, R"("comma\\,here")", labels), "comma,here");   // and its stream
    EXPECT_EQ(value(ColumnType::Other, R"("back\\,slash")", labels), "back\\,slash"); // a label of its own
    EXPECT_EQ(value(ColumnType::Other, R"("un\\,known")", labels), "un\\,known");
    EXPECT_EQ(value(ColumnType::Text, R"("a,b")", field("string", "io.debezium.data.EnumSet")), "a,b");
}

TEST_F(ValueTest, Points) {
    const std::string point =
        R"({"type":"struct","fields":[{"type":"double","optional":false,"field":"x"},{"type":"double","optional":false,"field":"y"},{"type":"bytes","optional":true,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}],"optional":true,"name":"io.debezium.data.geometry.Point","version":1,"field":"v"})";
    EXPECT_EQ(value(ColumnType::Point, R"({"x":1.5,"y":-2.0E10,"wkb":"AQ==","srid":null})", point), "(1.5,-2.0E10)");
    EXPECT_EQ(value(ColumnType::Point, R"({"wkb":null,"y":"NaN","x":"Infinity"})"), "(Infinity,NaN)");
    EXPECT_EQ(value(ColumnType::Point, R"({"x":1.5})", point), "22P02 v");
    EXPECT_EQ(value(ColumnType::Point, R"({"x":1.5,"y":"1);DROP"})", point), "22P02 v");
    EXPECT_EQ(value(ColumnType::Point, "\"(1,2)\""), "(1,2)");
    EXPECT_EQ(value(ColumnType::Text, R"({"x":1,"y":2})", point), "(1,2)");
    EXPECT_EQ(value(ColumnType::Bytea, R"({"x":1,"y":2,"wkb":"Zm9v"})", point), "foo");
}

TEST_F(ValueTest, WhatIsNotSupportedSaysSo) {
    const auto structure = [](const std::string& name) {
        return R"({"type":"struct","fields":[],"optional":true,"name":")" + name + R"(","field":"v"})";
    };
    EXPECT_EQ(value(ColumnType::Text, "{}", structure("io.debezium.time.StructuredDate")), "22023 v");
    EXPECT_EQ(value(ColumnType::Other, R"({"wkb":"AQ=="})", structure("io.debezium.data.geometry.Geometry")),
              "22023 v");
    EXPECT_EQ(value(ColumnType::Point, R"({"wkb":"AQ=="})", structure("io.debezium.data.geometry.Geometry")),
              "22P02 v");
    EXPECT_EQ(value(ColumnType::Other, "{}", structure("io.debezium.data.SparseDoubleVector")), "22023 v");
}

TEST_F(ValueTest, Hstores) {
    const std::string map =
        R"({"type":"map","keys":{"type":"string","optional":false},"values":{"type":"string","optional":true},"optional":true,"field":"v"})";
    EXPECT_EQ(value(ColumnType::Hstore, R"({"a":"1","b\"c":"d\\e","n":null})", map),
              R"("a"=>"1","b\"c"=>"d\\e","n"=>NULL)");
    EXPECT_EQ(value(ColumnType::Hstore, R"("{\"a\":\"1\",\"n\":null}")", field("string", "io.debezium.data.Json")),
              R"("a"=>"1","n"=>NULL)");
    EXPECT_EQ(value(ColumnType::Hstore, "{}"), "");
    EXPECT_EQ(value(ColumnType::Hstore, R"("a=>1")"), "a=>1");
    EXPECT_EQ(value(ColumnType::Hstore, R"({"a":{}})"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Hstore, R"("{\"a\":")"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Hstore, R"({"a":"\u0000"})"), "22P05 v");
    EXPECT_EQ(value(ColumnType::Other, R"({"a":"1"})", map), R"({"a":"1"})"); // into jsonb
}

const std::string codes =
    "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]";

TEST_F(ValueTest, WithheldValues) {
    EXPECT_EQ(value(ColumnType::Text, "\"__debezium_unavailable_value\""), "unavailable");
    for (const ColumnType type : {ColumnType::Other, ColumnType::Numeric, ColumnType::Hstore, ColumnType::Point,
                                  ColumnType::Varbit, ColumnType::Interval, ColumnType::Bytea})
        EXPECT_EQ(value(type, "\"__debezium_unavailable_value\""), "unavailable");
    EXPECT_EQ(value(ColumnType::Text, "\"__debezium_unavailable_value \""), "__debezium_unavailable_value ");
    const std::string base64 = "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"";
    EXPECT_EQ(value(ColumnType::Bytea, base64), "unavailable");
    EXPECT_EQ(value(ColumnType::Other, base64, field("bytes")), "unavailable");
    EXPECT_EQ(value(ColumnType::Text, base64), "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==");
    EXPECT_EQ(value(ColumnType::Hstore, R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})"),
              "unavailable");
    EXPECT_EQ(value(ColumnType::Hstore, R"("{\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"}")"),
              "unavailable");
    modes.unavailablePlaceholder = "<\"gone\">";
    EXPECT_EQ(value(ColumnType::Text, R"("<\"gone\">")"), "unavailable");
    modes.unavailablePlaceholder = "hex:676f6e65";
    EXPECT_EQ(value(ColumnType::Text, "\"gone\""), "unavailable");
    EXPECT_EQ(value(ColumnType::Text, "\"hex:676f6e65\""), "hex:676f6e65");
    modes.binary = BinaryMode::Hex;
    EXPECT_EQ(value(ColumnType::Bytea, "\"676f6e65\""), "unavailable");
}

TEST_F(ValueTest, WithheldArrays) {
    const TargetColumn texts = arrayOf(columnOf(ColumnType::Text));
    const TargetColumn numbers = arrayOf(columnOf(ColumnType::Int4));
    EXPECT_EQ(value(texts, "[\"__debezium_unavailable_value\"]", items(field("string"))), "unavailable");
    EXPECT_EQ(value(texts, "[\"__debezium_unavailable_value\",\"\"]"), "{__debezium_unavailable_value,}");
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Bytea)), "[\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"]"),
              "unavailable");
    EXPECT_EQ(value(numbers, codes, items(field("int32"))), "unavailable");
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Date)), codes), "unavailable");
    EXPECT_EQ(value(numbers, "[95,95]"), "{95,95}");
    modes.unavailablePlaceholder = "hex:80";
    EXPECT_EQ(value(numbers, "[-128]"), "unavailable"); // Java's bytes have a sign
}

} // namespace
} // namespace standin::cdc
