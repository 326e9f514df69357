#include <gtest/gtest.h>

#include "base/error.h"
#include "cdc/evolution/column_type.h"

namespace standin::cdc {
namespace {

FieldSchema field(const std::string& json) {
    return parseSchema(R"({"type":"struct","fields":[)" + json + "]}").fields.at(0);
}

std::string typeOf(const std::string& json) { return columnTypeOf(field(json)); }

std::string source(const std::string& type, const std::string& length) {
    return R"(,"parameters":{"__debezium.source.column.type":")" + type + R"(","__debezium.source.column.length":")" +
           length + R"("})";
}

TEST(Evolution, TheTypeFollowsFromTheSchema) {
    EXPECT_EQ(typeOf(R"({"field":"f","type":"int16"})"), "smallint");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"int64"})"), "bigint");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"float"})"), "real");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string"})"), "text");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"bytes"})"), "bytea");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"int32","name":"io.debezium.time.Date"})"), "date");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"int64","name":"io.debezium.time.MicroTimestamp"})"), "timestamp");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string","name":"io.debezium.time.ZonedTimestamp"})"), "timestamptz");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string","name":"io.debezium.data.Json"})"), "json");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"struct","name":"io.debezium.data.VariableScaleDecimal"})"), "numeric");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"array","items":{"type":"string","name":"io.debezium.data.Uuid"}})"),
              "uuid[]");
}

TEST(Evolution, ADecimalHasThePrecisionThatItsSchemaSays) {
    constexpr const char* decimal = R"({"field":"f","type":"bytes","name":"org.apache.kafka.connect.data.Decimal",)";
    EXPECT_EQ(typeOf(decimal + std::string(R"("parameters":{"scale":"2","connect.decimal.precision":"12"}})")),
              "numeric(12,2)");
    EXPECT_EQ(typeOf(decimal + std::string(R"("parameters":{"scale":"2"}})")), "numeric");
    EXPECT_EQ(typeOf(decimal + std::string(R"("parameters":{"scale":"-3","connect.decimal.precision":"12"}})")),
              "numeric");
}

TEST(Evolution, PropagatedTypesOfTheSourceAreUsed) {
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("VARCHAR", "40") + "}"), "varchar(40)");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("BPCHAR", "3") + "}"), "char(3)");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("TEXT", "2147483647") + "}"), "text");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("INET", "") + "}"), "inet");
}

TEST(Evolution, NothingOfAnEventGetsIntoAType) {
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("VARCHAR", "40) ; DROP TABLE t; --") + "}"), "text");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("t; DROP TABLE t", "4") + "}"), "text");
    EXPECT_EQ(typeOf(R"({"field":"f","type":"string")" + source("VARCHAR", "99999999999") + "}"), "text");
}

TEST(Evolution, WhatCannotBeSaidIsAnErrorAndNoFaultOfTheRecord) {
    for (const char* json : {R"({"field":"f","type":"struct","name":"io.debezium.data.geometry.Geometry"})",
                             R"({"field":"f","type":"map"})", R"({"field":"f","type":"array"})"})
        try {
            typeOf(json);
            ADD_FAILURE() << json;
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), "0A000");
        }
}

TEST(Evolution, WideningNeedsASchemaThatSaysSoAndNoRewrite) {
    const auto varchar = [](int32_t length) { return ColumnLimit{ColumnLimit::Kind::Varchar, length, 0}; };
    const FieldSchema forty = field(R"({"field":"f","type":"string")" + source("VARCHAR", "40") + "}");
    EXPECT_EQ(widenedTypeOf(forty, varchar(20)), "varchar(40)");
    EXPECT_EQ(widenedTypeOf(forty, varchar(40)), std::nullopt);
    EXPECT_EQ(widenedTypeOf(forty, varchar(50)), std::nullopt);
    EXPECT_EQ(widenedTypeOf(field(R"({"field":"f","type":"string"})"), varchar(20)), std::nullopt);
    EXPECT_EQ(widenedTypeOf(field(R"({"field":"f","type":"string")" + source("TEXT", "2147483647") + "}"), varchar(20)),
              "text");
    const FieldSchema decimal = field(
        R"({"field":"f","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2","connect.decimal.precision":"12"}})");
    const auto numeric = [](int32_t precision, int32_t scale) {
        return ColumnLimit{ColumnLimit::Kind::Numeric, precision, scale};
    };
    EXPECT_EQ(widenedTypeOf(decimal, numeric(10, 2)), "numeric(12,2)");
    EXPECT_EQ(widenedTypeOf(decimal, numeric(12, 2)), std::nullopt);
    EXPECT_EQ(widenedTypeOf(decimal, numeric(10, 4)), std::nullopt); // another scale is a rewrite
}

TEST(Evolution, NamesThatNoColumnCanHave) {
    checkColumnName("naïve \"name\"");
    EXPECT_THROW(checkColumnName("xmin"), NoColumn);
    EXPECT_THROW(checkColumnName(""), Error);
    EXPECT_THROW(checkColumnName(std::string(64, 'x')), Error);
    EXPECT_THROW(checkColumnName(std::string("a\0b", 3)), Error);
}

} // namespace
} // namespace standin::cdc
