#include "cdc/value_fixture.h"

namespace standin::cdc {
namespace {

TEST_F(ValueTest, ArraysOfEachType) {
    struct Case {
        TargetColumn element;
        std::string json;
        std::string item;
        std::string expected;
    };
    const std::string time = "io.debezium.time.";
    for (const Case& one : {
             Case{columnOf(ColumnType::Int4), "[1,null,-3]", field("int32"), "{1,null,-3}"},
             Case{columnOf(ColumnType::Int8), "[9007199254740993]", field("int64"), "{9007199254740993}"},
             Case{columnOf(ColumnType::Bool), "[true,false,null]", field("boolean"), "{1,0,null}"},
             Case{columnOf(ColumnType::Float8), "[\"NaN\",0.5]", field("double"), "{nan,0.500000}"},
             Case{columnOf(ColumnType::Text), R"(["a,b","{}","\"",""])", field("string"), "{a,b,{},\",}"},
             Case{columnOf(ColumnType::Numeric, 2, 5), "[\"MDk=\",null]",
                  field("bytes", "org.apache.kafka.connect.data.Decimal", R"("scale":"2")"), "{123.45,null}"},
             Case{columnOf(ColumnType::Numeric), R"([{"scale":5,"value":"MDk="}])",
                  R"({"type":"struct","fields":[],"optional":true,"name":"io.debezium.data.VariableScaleDecimal"})",
                  "{0.12345}"},
             Case{columnOf(ColumnType::Date), "[10957,-2147472692]", field("int32", time + "Date"), "{0,2147483647}"},
             Case{columnOf(ColumnType::Time), "[1000]", field("int64", time + "MicroTime"), "{1000}"},
             Case{columnOf(ColumnType::Timestamp, 3), "[946684800001]", field("int64", time + "Timestamp"), "{1000}"},
             Case{columnOf(ColumnType::Timestamptz), "[\"2000-01-01T00:00:00Z\"]",
                  field("string", time + "ZonedTimestamp"), "{0}"},
             Case{columnOf(ColumnType::Interval), "[\"P1DT1S\"]", field("string", time + "Interval"),
                  "{0 mons 1 days 00:00:01.000000}"},
             Case{columnOf(ColumnType::Uuid), "[\"61626364-6566-6768-696a-6b6c6d6e6f70\"]",
                  field("string", "io.debezium.data.Uuid"), "{abcdefghijklmnop}"},
             Case{columnOf(ColumnType::Bytea), "[\"Zm9v\"]", field("bytes"), "{foo}"},
             Case{columnOf(ColumnType::Other), R"(["{\"a\":1}"])", field("string", "io.debezium.data.Json"),
                  R"({{"a":1}})"},
             Case{columnOf(ColumnType::Hstore), R"([{"a":null}])", R"({"type":"map"})", R"({"a"=>NULL})"},
         }) {
        EXPECT_EQ(value(arrayOf(one.element), one.json, items(one.item)), one.expected);
        EXPECT_EQ(value(arrayOf(one.element), one.json),
                  one.element.type == ColumnType::Bytea ? "{foo}" : one.expected);
    }
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Int4)), "[]"), "{}");
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Int4)), "null"), "null");
}

TEST_F(ValueTest, ArraysRefuseWhatTheyCannotHold) {
    const TargetColumn numbers = arrayOf(columnOf(ColumnType::Int4));
    EXPECT_EQ(value(numbers, "[1,2147483648]"), "22003 v");
    EXPECT_EQ(value(numbers, "[[1],[2]]"), "22P02 v"); // no dimension is made flat
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Text)), "[[\"a\"]]"), "22P02 v");
    EXPECT_EQ(value(numbers, "5"), "22P02 v");
    EXPECT_EQ(value(numbers, "{\"a\":1}"), "22P02 v");
    EXPECT_EQ(value(numbers, "[1,2]", field("int32")), "22P02 v");
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Text)), R"(["a\u0000"])"), "22P05 v");
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Numeric, 1, 5)), "[1.25]"), "22003 v");
    EXPECT_EQ(value(ColumnType::Int4, "[1]", items(field("int32"))), "22P02 v");
    EXPECT_EQ(value(ColumnType::Other, "[1, 2]", items(field("int32"))), "[1, 2]"); // into jsonb
}

TEST_F(ValueTest, SetsOfLabels) {
    const std::string set = field("string", "io.debezium.data.EnumSet", R"("allowed":"a,b,c")");
    const TargetColumn texts = arrayOf(columnOf(ColumnType::Text));
    EXPECT_EQ(value(texts, "\"a,c\"", set), "{a,c}");
    EXPECT_EQ(value(texts, "\"\"", set), "{}");
    EXPECT_EQ(value(texts, "\"a,c\""), "{a,c}");
    EXPECT_EQ(value(arrayOf(columnOf(ColumnType::Int4)), "\"a,c\"", set), "22P02 v");
    EXPECT_EQ(value(texts, "\"a,c\"", field("string")), "22P02 v");
}

} // namespace
} // namespace standin::cdc
