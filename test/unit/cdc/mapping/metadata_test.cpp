#include "cdc/mapping/metadata.h"

#include <gtest/gtest.h>

namespace standin::cdc {
namespace {

Event event() {
    Event result;
    result.operation = Operation::Update;
    result.sourceMicros = 1732400000000000;
    result.origin = "postgresql/bank";
    result.position = std::string_view("\0\x1f\xa0", 3);
    return result;
}

Cell cellOf(const char* name, ColumnType type, int64_t timestamp = 1732400000123) {
    static Arena arena;
    return metadataCell(*metadataByName(name), type, {"bank.t", 3, 5000000000, timestamp}, event(), arena);
}

TEST(Metadata, GoesIntoColumnsByTheirType) {
    EXPECT_EQ(cellOf("topic", ColumnType::Text).bytes(), "bank.t");
    EXPECT_EQ(cellOf("partition", ColumnType::Int4).value, 3);
    EXPECT_EQ(cellOf("offset", ColumnType::Int8).value, 5000000000);
    EXPECT_EQ(cellOf("offset", ColumnType::Numeric).bytes(), "5000000000");
    EXPECT_THROW(cellOf("offset", ColumnType::Int4), Error);
    EXPECT_EQ(cellOf("timestamp", ColumnType::Timestamptz).value, 1732400000123000 - 946684800000000);
    EXPECT_EQ(cellOf("source_ts", ColumnType::Timestamp).value, 1732400000000000 - 946684800000000);
    EXPECT_EQ(cellOf("op", ColumnType::Text).bytes(), "u");
    EXPECT_EQ(cellOf("origin", ColumnType::Text).bytes(), "postgresql/bank");
    EXPECT_EQ(cellOf("position", ColumnType::Text).bytes(), "001fa0");
    EXPECT_EQ(cellOf("position", ColumnType::Bytea).bytes(), "\\x001fa0");
}

TEST(Metadata, WhatTheRecordDoesNotSayIsNull) {
    EXPECT_EQ(cellOf("debezium_ts", ColumnType::Timestamptz).kind, CellKind::Null);
    EXPECT_EQ(cellOf("timestamp", ColumnType::Timestamptz, -1).kind, CellKind::Null);
}

TEST(Metadata, KnowsWhatFitsAndWhatARowKeeps) {
    EXPECT_FALSE(metadataByName("lsn"));
    EXPECT_TRUE(fits(Metadata::Position, ColumnType::Bytea));
    EXPECT_FALSE(fits(Metadata::Op, ColumnType::Bytea));
    EXPECT_FALSE(fits(Metadata::SourceTime, ColumnType::Int8));
    EXPECT_TRUE(isStable(Metadata::Topic));
    EXPECT_FALSE(isStable(Metadata::Offset));
}

} // namespace
} // namespace standin::cdc
