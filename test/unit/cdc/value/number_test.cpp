#include "cdc/value_fixture.h"

namespace standin::cdc {
namespace {

const std::string decimalOfTwo =
    field("bytes", "org.apache.kafka.connect.data.Decimal", R"("scale":"2","connect.decimal.precision":"12")");
const std::string variableScale =
    R"({"type":"struct","fields":[{"type":"int32","optional":false,"field":"scale"},{"type":"bytes","optional":false,"field":"value"}],"optional":true,"name":"io.debezium.data.VariableScaleDecimal","version":1,"field":"v"})";

TEST_F(ValueTest, Integers) {
    EXPECT_EQ(value(ColumnType::Int2, "-32768"), "-32768");
    EXPECT_EQ(value(ColumnType::Int2, "32768"), "22003 v");
    EXPECT_EQ(value(ColumnType::Int4, "2147483648"), "22003 v");
    EXPECT_EQ(value(ColumnType::Int8, "9223372036854775807"), "9223372036854775807");
    EXPECT_EQ(value(ColumnType::Int8, "-9223372036854775808"), "-9223372036854775808");
    EXPECT_EQ(value(ColumnType::Int8, "9223372036854775808"), "22003 v");
    EXPECT_EQ(value(ColumnType::Int8, "9007199254740993"), "9007199254740993"); // 2^53 + 1
    EXPECT_EQ(value(ColumnType::Int8, "9.007199254740993E15"), "9007199254740993");
    EXPECT_EQ(value(ColumnType::Int8, "1.5"), "22003 v");
    EXPECT_EQ(value(ColumnType::Int8, "null"), "null");
    EXPECT_EQ(value(ColumnType::Int4, "true"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Int4, "[1]"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Int4, "2024", field("int32", "io.debezium.time.Year")), "2024");
    EXPECT_EQ(value(ColumnType::Int4, "\"12\"", field("string")), "12");
    EXPECT_EQ(value(ColumnType::Int4, "\"12 \"", field("string")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Int8, "\"1234\""), "22023 v"); // a number, or the base64 of another?
    EXPECT_EQ(value(ColumnType::Int8, "\"x\""), "22P02 v");
    modes.decimals = DecimalMode::Text;
    EXPECT_EQ(value(ColumnType::Int8, "\"1234\""), "1234");
    EXPECT_EQ(value(ColumnType::Int8, "\"-0.0\""), "0");
    modes.rounding = Rounding::Truncate;
    EXPECT_EQ(value(ColumnType::Int8, "1.5"), "1");
    modes.rounding = Rounding::Round;
    EXPECT_EQ(value(ColumnType::Int8, "-1.5"), "-2");
}

TEST_F(ValueTest, Booleans) {
    EXPECT_EQ(value(ColumnType::Bool, "true"), "1");
    EXPECT_EQ(value(ColumnType::Bool, "false"), "0");
    EXPECT_EQ(value(ColumnType::Bool, "1", field("int16")), "1"); // MySQL's tinyint(1)
    EXPECT_EQ(value(ColumnType::Bool, "2"), "22P02 v");
    EXPECT_EQ(value(ColumnType::Bool, "\"t\""), "1");
    EXPECT_EQ(value(ColumnType::Bool, "\"yes\""), "22P02 v");
    const std::string number = field("bytes", "org.apache.kafka.connect.data.Decimal", R"("scale":"0")");
    EXPECT_EQ(value(ColumnType::Bool, "\"AQ==\"", number), "1"); // Oracle's NUMBER(1)
    EXPECT_EQ(value(ColumnType::Bool, "\"Ag==\"", number), "22P02 v");
}

TEST_F(ValueTest, Floats) {
    EXPECT_EQ(value(ColumnType::Float8, "0.1"), std::to_string(0.1));
    EXPECT_EQ(value(ColumnType::Float8, "\"NaN\""), "nan");
    EXPECT_EQ(value(ColumnType::Float8, "\"-Infinity\""), "-inf");
    EXPECT_EQ(value(ColumnType::Float4, "\"Infinity\"", field("float")), "inf");
    EXPECT_EQ(value(ColumnType::Float8, "1e999"), "22003 v");
    EXPECT_EQ(value(ColumnType::Float4, "1e39"), "22003 v");
    EXPECT_EQ(value(ColumnType::Float4, "1"), std::to_string(1.0f));
    EXPECT_EQ(value(ColumnType::Float4, "1.17549435E-38", field("float")), std::to_string(1.17549435E-38f));
    EXPECT_EQ(value(ColumnType::Float8, "\"MDk=\"", decimalOfTwo), std::to_string(123.45));
    EXPECT_EQ(value(ColumnType::Float8, R"({"scale":5,"value":"MDk="})", variableScale), std::to_string(0.12345));
    EXPECT_EQ(value(ColumnType::Float8, "\"POSITIVE_INFINITY\"", field("string")), "inf");
    EXPECT_EQ(value(ColumnType::Float8, "\"1234\""), "22023 v");
    EXPECT_EQ(value(ColumnType::Float8, "true"), "22P02 v");
}

TEST_F(ValueTest, FloatsLoseNoDigitUnasked) {
    const std::string tooLong = "0.1234567890123";
    EXPECT_EQ(value(ColumnType::Float4, tooLong), "22003 v");
    EXPECT_EQ(value(ColumnType::Float4, tooLong, field("double")), "22003 v");
    EXPECT_EQ(value(ColumnType::Float4, "0.10000000149011612"), std::to_string(0.1f)); // a float as a double
    EXPECT_EQ(value(ColumnType::Float4, "12345678901"), "22003 v");
    EXPECT_EQ(value(ColumnType::Float8, "9007199254740993"), "22003 v"); // 2^53 + 1
    EXPECT_EQ(value(ColumnType::Float8, "9007199254740994"), std::to_string(9007199254740994.0));
    EXPECT_EQ(value(ColumnType::Float8, "123456789012345678901"), "22003 v");
    EXPECT_EQ(value(ColumnType::Float8, "0.1234567890123456789"), "22003 v");
    EXPECT_EQ(value(ColumnType::Float8, "1000000000000000000000"), std::to_string(1e21));
    modes.rounding = Rounding::Round;
    EXPECT_EQ(value(ColumnType::Float4, tooLong), std::to_string(0.1234567890123f));
    EXPECT_EQ(value(ColumnType::Float8, "9007199254740993"), std::to_string(9007199254740992.0));
}

TEST_F(ValueTest, Decimals) {
    EXPECT_EQ(value(ColumnType::Numeric, "\"MDk=\"", decimalOfTwo), "123.45");
    EXPECT_EQ(value(ColumnType::Numeric, "\"z8c=\"", decimalOfTwo), "-123.45");
    EXPECT_EQ(value(ColumnType::Text, "\"MDk=\"", decimalOfTwo), "123.45");
    EXPECT_EQ(value(ColumnType::Int4, "\"MDk=\"", decimalOfTwo), "22003 v");
    EXPECT_EQ(value(ColumnType::Int4, "\"J3Q=\"", decimalOfTwo), "101"); // 101.00
    EXPECT_EQ(value(ColumnType::Numeric, "\"!\"", decimalOfTwo), "22P02 v");
    EXPECT_EQ(value(ColumnType::Numeric, "\"\"", decimalOfTwo), "22P02 v");
    EXPECT_EQ(value(ColumnType::Numeric, "123.45", decimalOfTwo), "123.45"); // decimal.format=NUMERIC
    EXPECT_EQ(value(ColumnType::Numeric, R"({"scale":5,"value":"MDk="})", variableScale), "0.12345");
    EXPECT_EQ(value(ColumnType::Numeric, R"({"scale":-2,"value":"MDk="})", variableScale), "1234500");
    EXPECT_EQ(value(ColumnType::Text, R"({"scale":5,"value":"MDk="})", variableScale), "0.12345");
    EXPECT_EQ(value(ColumnType::Numeric, R"({"value":"MDk="})", variableScale), "22P02 v");
    EXPECT_EQ(value(ColumnType::Numeric, R"({"scale":5,"value":"MDk="})"), "0.12345"); // without a schema too
    EXPECT_EQ(value(ColumnType::Numeric, R"("123456789012345678901234567890.10")", field("string")),
              "123456789012345678901234567890.10");
    EXPECT_EQ(value(ColumnType::Numeric, "0.30000000000000004"), "0.30000000000000004");
    EXPECT_EQ(value(ColumnType::Numeric, "\"MDk=\"", field("bytes")), "22P02 v");
}

TEST_F(ValueTest, DecimalsWithoutSchemaFollowTheColumnAndTheMode) {
    EXPECT_EQ(value(ColumnType::Numeric, "\"MDk=\"", {}, 2), "123.45");
    EXPECT_EQ(value(ColumnType::Numeric, "\"MDk=\""), "22023 v"); // neither schema nor scale: refuse to guess
    EXPECT_EQ(value(columnOf(ColumnType::Numeric, -1, 5), "\"ew==\""), "1230");
    EXPECT_EQ(value(columnOf(ColumnType::Numeric, -2, 5), "\"ew==\""), "12300");
    modes.decimals = DecimalMode::Double;
    EXPECT_EQ(value(ColumnType::Numeric, "1.0E7"), "10000000");
    EXPECT_EQ(value(ColumnType::Numeric, "\"NaN\""), "NaN");
    EXPECT_EQ(value(ColumnType::Numeric, "\"Infinity\""), "Infinity"); // eight characters of base64
    modes.decimals = DecimalMode::Text;
    EXPECT_EQ(value(ColumnType::Numeric, "\"-0.10\""), "-0.10");
    EXPECT_EQ(value(ColumnType::Numeric, "\"NAN\""), "NaN");
    EXPECT_EQ(value(ColumnType::Numeric, "\"POSITIVE_INFINITY\""), "Infinity");
    EXPECT_EQ(value(ColumnType::Numeric, "\"NEGATIVE_INFINITY\""), "-Infinity");
    EXPECT_EQ(value(ColumnType::Numeric, "\"twelve\""), "22P02 v");
}

TEST_F(ValueTest, DecimalsFitTheirColumn) {
    const auto fitted = [&](int16_t scale, int32_t precision, const std::string& json) {
        return value(columnOf(ColumnType::Numeric, scale, precision), json, field("double"));
    };
    EXPECT_EQ(fitted(2, 5, "1.5"), "1.50");
    EXPECT_EQ(fitted(2, 5, "1.500"), "1.50");
    EXPECT_EQ(fitted(2, 5, "999.99"), "999.99");
    EXPECT_EQ(fitted(2, 5, "1000"), "22003 v");
    EXPECT_EQ(fitted(2, 5, "1.005"), "22003 v");
    EXPECT_EQ(fitted(-2, 5, "9999900"), "9999900");
    EXPECT_EQ(fitted(-2, 5, "10000000"), "22003 v");
    EXPECT_EQ(fitted(-2, 5, "150"), "22003 v");
    EXPECT_EQ(fitted(5, 2, "0.00099"), "0.00099");
    EXPECT_EQ(fitted(5, 2, "0.001"), "22003 v");
    EXPECT_EQ(fitted(0, 3, "0"), "0");
    EXPECT_EQ(value(columnOf(ColumnType::Numeric, 2, 5), "\"NaN\"", field("string")), "NaN");
    EXPECT_EQ(value(columnOf(ColumnType::Numeric, 2, 5), "\"Infinity\"", field("string")), "22003 v");
    modes.rounding = Rounding::Truncate;
    EXPECT_EQ(fitted(2, 5, "-1.009"), "-1.00");
    modes.rounding = Rounding::Round;
    EXPECT_EQ(fitted(2, 5, "-1.005"), "-1.01");
    EXPECT_EQ(fitted(2, 5, "999.995"), "22003 v");
}

TEST_F(ValueTest, Money) {
    EXPECT_EQ(value(ColumnType::Money, "\"MDk=\"", decimalOfTwo, 2), "123.45");
    EXPECT_EQ(value(ColumnType::Money, "\"MDk=\"", {}, 2), "123.45");
    EXPECT_EQ(value(ColumnType::Money, "\"MDk=\"", {}, 0),
              "22023 v"); // a locale without cents: Debezium sends two digits
    EXPECT_EQ(value(ColumnType::Money, "\"-1234.5\"", field("string"), 2), "-1234.50");
    EXPECT_EQ(value(ColumnType::Money, "0.001", field("double"), 2), "22003 v");
    EXPECT_EQ(value(ColumnType::Money, "\"NaN\"", field("string"), 2), "22003 v");
}

const std::string tenBits = field("bytes", "io.debezium.data.Bits", R"("length":"10")");

TEST_F(ValueTest, Bits) {
    // 0b1000000101, the low byte first.
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 10), "\"BQI=\"", tenBits), "1000000101");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 10), "\"BQ==\"", tenBits), "0000000101");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 10), "\"\"", tenBits), "0000000000");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 10), "\"BQQ=\"", tenBits), "22026 v");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 12), "\"BQI=\"", tenBits), "22026 v");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 10), "\"BQI=\""), "1000000101");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 1), "true", field("boolean")), "1");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 1), "false"), "0");
    EXPECT_EQ(value(columnOf(ColumnType::Varbit, -1, 10), "\"BQ==\"", tenBits),
              "101"); // leading zeros went at the source
    EXPECT_EQ(value(columnOf(ColumnType::Varbit, -1, 20), "\"BQ==\"",
                    field("bytes", "io.debezium.data.Bits", R"("length":"10","__debezium.source.column.type":"BIT")")),
              "0000000101");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 3), "\"101\"", field("string")), "101");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 3), "5"), "22P02 v");
    EXPECT_EQ(value(columnOf(ColumnType::Bit, -1, 8), "\"BQ==\"", field("bytes")), "22P02 v");
    EXPECT_EQ(value(ColumnType::Int4, "\"BQI=\"", tenBits), "517");
    EXPECT_EQ(value(ColumnType::Text, "\"BQI=\"", tenBits), "1000000101");
    EXPECT_EQ(value(ColumnType::Bytea, "\"BQI=\"", tenBits), std::string("\x05\x02"));
}

} // namespace
} // namespace standin::cdc
