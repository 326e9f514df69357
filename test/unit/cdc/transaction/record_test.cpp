#include <gtest/gtest.h>

#include "base/error.h"
#include "cdc/transaction/record.h"

namespace standin::cdc {
namespace {

using Totals = std::vector<std::pair<std::string, int64_t>>;

/// What the parser says; the template that it leaves has to say the same.
TransactionMark mark(std::string_view value) {
    TransactionRecords records;
    MarkForm form;
    const TransactionMark parsed = records.mark(value, form);
    const TransactionMark again = records.mark(value, form);
    EXPECT_EQ(again.id, parsed.id) << value;
    EXPECT_EQ(again.totalOrder, parsed.totalOrder) << value;
    EXPECT_EQ(again.lsn, parsed.lsn) << value;
    EXPECT_EQ(again.change, parsed.change) << value;
    return parsed;
}

TEST(TransactionRecords, FindsTheTransactionOfAnEvent) {
    const TransactionMark found = mark(
        R"({"before":null,"after":{"transaction":{"id":"no"},"op":"r"},"source":{},"transaction":{"id":"571:53195832","total_order":"3","data_collection_order":1},"op":"u","ts_ms":1})");
    EXPECT_EQ(found.id, "571");
    EXPECT_EQ(found.lsn, 53195832);
    EXPECT_EQ(found.totalOrder, 3);
    EXPECT_TRUE(found.change);
}

TEST(TransactionRecords, SkipsTheSchemaAndKeepsItForTheNext) {
    TransactionRecords records;
    MarkForm remembered;
    const std::string schema = R"({"schema":{"type":"struct","name":"a {\"payload\":"},"payload":)";
    const std::string event = R"({"op":"c","transaction":{"id":"0-1-7","total_order":)";
    EXPECT_EQ(records.mark(schema + event + "1}}}", remembered).id, "0-1-7");
    EXPECT_EQ(remembered.wrapping.prefix, schema);
    EXPECT_EQ(records.mark(schema + event + "2}}}", remembered).totalOrder, 2);
    EXPECT_EQ(
        records.mark(R"({"schema":null,"payload":{"op":"d","transaction":{"id":"x","total_order":9}}})", remembered).id,
        "x");
    EXPECT_EQ(
        records.mark(R"({"payload":{"op":"d","transaction":{"id":"y","total_order":9}},"schema":null})", remembered).id,
        "y");
    EXPECT_EQ(records.mark(R"({"schema":null,"payload":null})", remembered).change, false);
}

TEST(TransactionRecords, KnowsWhatBelongsToNone) {
    EXPECT_FALSE(mark(R"({"after":{},"op":"r","transaction":null})").change);
    EXPECT_TRUE(mark(R"({"after":{},"op":"c","transaction":null})").change);
    EXPECT_TRUE(mark(R"({"id":1})").change); // flattened
    EXPECT_FALSE(mark("null").change);
    EXPECT_FALSE(mark(R"({"op":"c")").change); // broken: a dead letter
    EXPECT_FALSE(mark("").change);
    TransactionRecords records;
    MarkForm form;
    EXPECT_FALSE(records.mark(std::nullopt, form).change);
}

std::string event(char operation, std::string_view before, std::string_view after, std::string_view transaction) {
    return std::string(R"({"before":)") + std::string(before) + R"(,"after":)" + std::string(after) +
           R"(,"source":{"lsn":1},"transaction":)" + std::string(transaction) + R"(,"op":")" + operation + R"("})";
}

TEST(TransactionRecords, ReadsRecordsOfOneTopicWhateverTheirShape) {
    TransactionRecords records;
    MarkForm form;
    const auto marked = [&](const std::string& record) { return records.mark(record, form); };
    for (int i = 1; i <= 300; ++i) { // past the number of records after which what never changed counts as constant
        const std::string number = std::to_string(i);
        const std::string row = R"({"id":)" + number + R"(,"op":"r","transaction":{"id":"no","total_order":7}})";
        const std::string whole =
            R"({"id":")" + number + R"(:9","total_order":)" + number + R"(,"data_collection_order":1})";
        TransactionMark found = marked(event('c', "null", row, whole));
        EXPECT_EQ(found.id, number);
        EXPECT_EQ(found.totalOrder, i);
        EXPECT_TRUE(found.change && !found.removes);
        found = marked(event('u', row, row, R"({"id":"a-b","total_order":"12","data_collection_order":"1"})"));
        EXPECT_EQ(found.id, "a-b");
        EXPECT_EQ(found.totalOrder, 12);
        found = marked(event('d', row, "null", whole));
        EXPECT_EQ(found.id, number);
        EXPECT_TRUE(found.change && found.removes);
        found = marked(event('r', "null", row, "null"));
        EXPECT_EQ(found.id, "");
        EXPECT_FALSE(found.change);
        EXPECT_TRUE(marked(event('c', "null", row, "null")).change);
    }
    EXPECT_EQ(marked(event('c', "null", "{}", R"({"total_order":4,"id":"\u0041"})")).id, "A");
    EXPECT_EQ(marked(event('c', "null", "{}", R"({"id":7})")).id, "");
    EXPECT_EQ(marked(event('c', "null", "{}", R"({"id":"x","total_order":null})")).id, "x");
    EXPECT_EQ(marked(event('c', "null", "{}", R"("x")")).id, "");
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
    EXPECT_EQ(transactionLsn("571:53195829"), 53195829);
    EXPECT_EQ(transactionLsn("24da10bd-a6a3-11ee:17"), 0);
}

} // namespace
} // namespace standin::cdc
