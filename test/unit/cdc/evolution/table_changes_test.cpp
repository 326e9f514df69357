#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "base/error.h"
#include "cdc/evolution/native_type.h"
#include "cdc/evolution/table_changes.h"

namespace standin::cdc {
namespace {

/// As the connector's own serializer wrote it, with its schema and without.
SourceTable recorded(const std::string& connector, bool withSchema, const std::string& collection) {
    std::ifstream file(STANDIN_FIXTURES "/connectors/" + connector + "-table-change.jsonl");
    std::string line;
    std::getline(file, line);
    if (!withSchema)
        std::getline(file, line);
    const TableChanges changes = parseTableChanges(line);
    EXPECT_EQ(changes.connector, connector);
    EXPECT_EQ(changes.changes.size(), 1u);
    EXPECT_EQ(changes.changes.at(0).collection, collection);
    EXPECT_FALSE(changes.changes.at(0).dropped);
    return parseSourceTable(changes.changes.at(0).definition, changes.connector);
}

void expectTypes(const std::string& connector, const std::string& collection,
                 const std::map<std::string, std::string>& types) {
    for (const bool withSchema : {true, false}) {
        const SourceTable table = recorded(connector, withSchema, collection);
        std::map<std::string, std::string> found;
        for (const SourceColumn& column : table.columns)
            found[column.name] = columnTypeOf(table.connector, column);
        EXPECT_EQ(found, types);
        EXPECT_EQ(table.key, std::vector{table.columns[0].name});
    }
}

std::string typeOf(const std::string& connector, const std::string& name, std::optional<int32_t> length = {},
                   std::optional<int32_t> scale = {}) {
    return columnTypeOf(connector, {"c", name, length, scale, ""});
}

TEST(TableChanges, Oracle) {
    expectTypes("oracle", "BANKPDB.BANK.TYPES",
                {{"ID", "bigint"},
                 {"C_NUMBER", "numeric"},
                 {"C_AMOUNT", "numeric(19,4)"},
                 {"C_HUNDREDS", "bigint"},
                 {"C_HUGE", "numeric(36,-2)"},
                 {"C_NUMBER38", "numeric(38,0)"},
                 {"C_FLAG", "smallint"},
                 {"C_SHORT", "smallint"},
                 {"C_INT", "integer"},
                 {"C_INTEGER", "numeric(38,0)"},
                 {"C_FLOAT", "numeric"},
                 {"C_BINARY_FLOAT", "real"},
                 {"C_BINARY_DOUBLE", "double precision"},
                 {"C_VARCHAR2", "varchar(50)"},
                 {"C_CHAR", "char(6)"},
                 {"C_NVARCHAR2", "varchar(50)"},
                 {"C_CLOB", "text"},
                 {"C_DATE", "timestamp(0)"},
                 {"C_TIMESTAMP3", "timestamp(3)"},
                 {"C_TIMESTAMP6", "timestamp(6)"},
                 {"C_TIMESTAMP9", "timestamp(6)"},
                 {"C_TSTZ", "timestamptz"},
                 {"C_TSLTZ", "timestamptz"},
                 {"C_YM", "interval"},
                 {"C_DS", "interval"},
                 {"C_RAW", "bytea"},
                 {"C_BLOB", "bytea"}});
    // by JDBC's metadata
    EXPECT_EQ(typeOf("oracle", "TIMESTAMP(3)", 11, 3), "timestamp(3)");
    EXPECT_EQ(typeOf("oracle", "TIMESTAMP(6) WITH LOCAL TIME ZONE", 13, 6), "timestamptz");
    EXPECT_EQ(typeOf("oracle", "INTERVAL DAY(2) TO SECOND(6)", 2, 6), "interval");
}

TEST(TableChanges, SqlServer) {
    expectTypes("sqlserver", "bank.dbo.types",
                {{"id", "bigint"},
                 {"c_bit", "boolean"},
                 {"c_tinyint", "smallint"},
                 {"c_smallint", "smallint"},
                 {"c_int", "integer"},
                 {"c_bigint", "bigint"},
                 {"c_decimal", "numeric(19,4)"},
                 {"c_numeric", "numeric(38,0)"},
                 {"c_money", "numeric(19,4)"},
                 {"c_smallmoney", "numeric(10,4)"},
                 {"c_real", "real"},
                 {"c_float", "double precision"},
                 {"c_date", "date"},
                 {"c_time0", "time(0)"},
                 {"c_time3", "time(3)"},
                 {"c_time6", "time(6)"},
                 {"c_time7", "time(6)"},
                 {"c_datetime", "timestamp(3)"},
                 {"c_smalldatetime", "timestamp(0)"},
                 {"c_datetime2_3", "timestamp(3)"},
                 {"c_datetime2_6", "timestamp(6)"},
                 {"c_datetime2_7", "timestamp(6)"},
                 {"c_datetimeoffset", "timestamptz"},
                 {"c_char", "char(6)"},
                 {"c_nvarchar", "varchar(50)"},
                 {"c_ntext", "text"},
                 {"c_binary", "bytea"},
                 {"c_varbinary", "bytea"},
                 {"c_image", "bytea"},
                 {"c_uniqueidentifier", "uuid"},
                 {"c_xml", "xml"}});
    EXPECT_EQ(typeOf("sqlserver", "int identity", 10, 0), "integer");
    EXPECT_EQ(typeOf("sqlserver", "nvarchar", 1073741823), "text"); // nvarchar(max)
}

TEST(TableChanges, Db2) {
    expectTypes("db2", "BANK.DB2INST1.TYPES",
                {{"ID", "bigint"},
                 {"C_SMALLINT", "smallint"},
                 {"C_INTEGER", "integer"},
                 {"C_BIGINT", "bigint"},
                 {"C_DECIMAL", "numeric(31,2)"},
                 {"C_DECFLOAT", "numeric"},
                 {"C_REAL", "real"},
                 {"C_DOUBLE", "double precision"},
                 {"C_BOOLEAN", "boolean"},
                 {"C_CHAR", "char(6)"},
                 {"C_VARCHAR", "varchar(50)"},
                 {"C_GRAPHIC", "char(4)"},
                 {"C_VARGRAPHIC", "varchar(20)"},
                 {"C_CLOB", "text"},
                 {"C_DATE", "date"},
                 {"C_TIME", "time(0)"},
                 {"C_TIMESTAMP", "timestamp(6)"},
                 {"C_TIMESTAMP0", "timestamp(0)"},
                 {"C_TIMESTAMP12", "timestamp(6)"},
                 {"C_VARBINARY", "bytea"},
                 {"C_BLOB", "bytea"}});
}

TEST(TableChanges, MySql) {
    EXPECT_EQ(typeOf("mysql", "TINYINT", 1), "smallint");
    EXPECT_EQ(typeOf("mysql", "SMALLINT UNSIGNED"), "integer");
    EXPECT_EQ(typeOf("mariadb", "INT UNSIGNED ZEROFILL", 10), "bigint");
    EXPECT_EQ(typeOf("mysql", "BIGINT UNSIGNED"), "numeric(20,0)");
    EXPECT_EQ(typeOf("mysql", "DECIMAL", 12, 2), "numeric(12,2)");
    EXPECT_EQ(typeOf("mysql", "DECIMAL UNSIGNED", 12), "numeric(12,0)");
    EXPECT_EQ(typeOf("mysql", "FLOAT"), "real");
    EXPECT_EQ(typeOf("mysql", "FLOAT", 53), "double precision");
    EXPECT_EQ(typeOf("mysql", "REAL"), "double precision");
    EXPECT_EQ(typeOf("mysql", "BIT", 1), "boolean");
    EXPECT_EQ(typeOf("mysql", "BIT", 12), "bit varying(12)");
    EXPECT_EQ(typeOf("mysql", "DATETIME"), "timestamp(0)");
    EXPECT_EQ(typeOf("mysql", "DATETIME", 6), "timestamp(6)");
    EXPECT_EQ(typeOf("mysql", "TIMESTAMP", 3), "timestamptz");
    EXPECT_EQ(typeOf("mysql", "TIME", 3), "time(3)");
    EXPECT_EQ(typeOf("mysql", "DATE"), "date");
    EXPECT_EQ(typeOf("mysql", "CHAR"), "char(1)");
}

TEST(TableChanges, NoTypeIsGuessed) {
    for (const std::string name : {"GEOMETRY", "SQL_VARIANT", "", "INT; DROP TABLE t"})
        try {
            ADD_FAILURE() << typeOf("mysql", name);
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), "0A000") << name;
        }
}

TEST(TableChanges, NamesAsTopicsWriteThem) {
    const TableChanges changes = parseTableChanges(
        R"x({"source":{"connector":"mysql"},"databaseName":"bank","ddl":"...","tableChanges":[)x"
        R"x({"type":"DROP","id":"\"ba.nk\".\"a \"\"b\"\" ü\"","table":null},{"type":"ALTER","id":"\"bank\".\"t\"",)x"
        R"x("table":{"comment":"of the bank","primaryKeyColumnNames":["b","a"],"columns":[{"name":"a","typeName":"INT",)x"
        R"x("length":null,"scale":null,"comment":"first"},{"name":"b","typeName":"INT"}]}}]})x");
    ASSERT_EQ(changes.changes.size(), 2u);
    EXPECT_TRUE(changes.changes[0].dropped);
    EXPECT_EQ(changes.changes[0].collection, "ba.nk.a__b___");
    EXPECT_EQ(changes.changes[0].shortCollection, "a__b___");
    const SourceTable table = parseSourceTable(changes.changes[1].definition, "mysql");
    EXPECT_EQ(table.comment, "of the bank");
    EXPECT_EQ(table.key, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(table.columns[0].comment, "first");
    EXPECT_EQ(table.find("b"), &table.columns[1]);
    EXPECT_EQ(table.find("c"), nullptr);
    EXPECT_TRUE(table.altered.empty());
    EXPECT_EQ(parseSourceTable(R"({"columns":[],"altered":["a","b"]})", "mysql").altered,
              (std::vector<std::string>{"a", "b"}));
}

TEST(TableChanges, WhatIsNoneIsTheRecordsFault) {
    EXPECT_TRUE(parseTableChanges(R"({"source":{"connector":"mysql"},"ddl":"create database d"})").changes.empty());
    for (const std::string record :
         {"", "[]x", R"({"tableChanges":[1]})", R"({"tableChanges":[{"type":"ALTER","id":"\"t\""}]})"})
        try {
            parseTableChanges(record);
            ADD_FAILURE() << record;
        } catch (const Error& error) {
            EXPECT_EQ(error.sqlstate(), "22023") << record;
        }
}

} // namespace
} // namespace standin::cdc
