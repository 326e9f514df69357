#include <gtest/gtest.h>

#include "base/error.h"
#include "cdc/transaction_record.h"

namespace standin::cdc {
namespace {

using Totals = std::vector<std::pair<std::string, int64_t>>;

std::string prefix;

TransactionMark mark(std::string_view value) {
    TransactionRecords records;
    prefix.clear();
    return records.mark(value, prefix);
}

TEST(TransactionRecords, FindsTheTransactionOfAnEvent) {
    const TransactionMark found = mark(
        R"({"before":null,"after":{"transaction":{"id":"no"},"op":"r"},"source":{},"transaction":{"id":"571:53195832","total_order":"3","data_collection_order":1},"op":"u","ts_ms":1})");
    EXPECT_EQ(found.id, "571");
    EXPECT_EQ(found.totalOrder, 3);
    EXPECT_TRUE(found.change);
}

TEST(TransactionRecords, SkipsTheSchemaAndKeepsItForTheNext) {
    TransactionRecords records;
    std::string remembered;
    const std::string schema = R"({"schema":{"type":"struct","name":"a {\"payload\":"},"payload":)";
    const std::string event = R"({"op":"c","transaction":{"id":"0-1-7","total_order":)";
    EXPECT_EQ(records.mark(schema + event + "1}}}", remembered).id, "0-1-7");
    EXPECT_EQ(remembered, schema);
    EXPECT_EQ(records.mark(schema + event + "2}}}", remembered).totalOrder, 2);
    EXPECT_EQ(
        records.mark(R"({"schema":1,"payload":{"op":"d","transaction":{"id":"x","total_order":9}}})", remembered).id,
        "x");
    EXPECT_EQ(records.mark(R"({"schema":1,"payload":null})", remembered).change, false);
}

TEST(TransactionRecords, KnowsWhatBelongsToNone) {
    EXPECT_FALSE(mark(R"({"after":{},"op":"r","transaction":null})").change);
    EXPECT_TRUE(mark(R"({"after":{},"op":"c","transaction":null})").change);
    EXPECT_TRUE(mark(R"({"id":1})").change); // flattened
    EXPECT_FALSE(mark("null").change);
    EXPECT_FALSE(mark(R"({"op":"c")").change); // broken: a dead letter
    EXPECT_FALSE(mark("").change);
    TransactionRecords records;
    EXPECT_FALSE(records.mark(std::nullopt, prefix).change);
}

TEST(TransactionRecords, ReadsBoundaries) {
    TransactionRecords records;
    const auto begin =
        records.boundary(R"({"status":"BEGIN","id":"571:1","event_count":null,"data_collections":null,"ts_ms":1})");
    ASSERT_TRUE(begin);
    EXPECT_FALSE(begin->end);
    const auto end = records.boundary(
        R"({"schema":{},"payload":{"status":"END","id":"571:2","event_count":3,"data_collections":[{"data_collection":"public.a","event_count":"2"},{"data_collection":"public.b","event_count":1}]}})");
    ASSERT_TRUE(end);
    EXPECT_TRUE(end->end);
    EXPECT_EQ(end->id, begin->id);
    EXPECT_EQ(end->totals, (Totals{{"public.a", 2}, {"public.b", 1}}));
    EXPECT_FALSE(records.boundary(R"({"op":"c"})"));
    EXPECT_FALSE(records.boundary(std::nullopt));
}

TEST(TransactionRecords, OnlyPostgresIdsAreCut) {
    EXPECT_EQ(transactionId("571:53195829"), "571");
    EXPECT_EQ(transactionId("24da10bd-a6a3-11ee:17"), "24da10bd-a6a3-11ee:17");
    EXPECT_EQ(transactionId("00000025:00000d08:0025"), "00000025:00000d08:0025");
    EXPECT_EQ(transactionId("0-1-7"), "0-1-7");
}

} // namespace
} // namespace standin::cdc
