#include "cdc/target/coalesce.h"

#include <deque>

#include "cdc/event_fixture.h"

namespace standin::cdc {
namespace {

class CoalesceTest : public EventTest {
protected:
    std::deque<std::string> records;
    void add(const std::string& op, const std::string& row) {
        const std::string& key = records.emplace_back(row); // cells are views of their record
        const std::string& value = records.emplace_back(envelope("null", op == "d" ? "null" : row, op));
        const Event event = decode(key, value);
        changes.push_back({event.operation, 0, static_cast<uint32_t>(changes.size()), event.cells});
    }
    std::vector<std::string> net() {
        std::vector<const Change*> pointers;
        for (const Change& change : changes)
            pointers.push_back(&change);
        std::vector<std::string> result;
        Coalescer coalescer;
        for (const NetChange& one : coalescer.run(table.target, pointers, arena)) {
            const char* kind = one.kind == ChangeKind::Upsert   ? "upsert "
                               : one.kind == ChangeKind::Delete ? "delete "
                                                                : "replace ";
            result.push_back(kind + row({.cells = one.cells}) + " by " + std::to_string(one.last));
        }
        return result;
    }
    std::vector<Change> changes;
};

TEST_F(CoalesceTest, LastStateOfEachKeySortedByKey) {
    add("c", R"({"aid":2,"bid":1,"abalance":1,"filler":"a"})");
    add("c", R"({"aid":-1,"bid":1,"abalance":1,"filler":"b"})");
    add("u", R"({"aid":2,"bid":1,"abalance":9,"filler":"c"})");
    EXPECT_EQ(net(), (std::vector<std::string>{"upsert -1|1|1|b by 1", "upsert 2|1|9|c by 2"}));
}

TEST_F(CoalesceTest, WithheldAndMissingColumnsKeepTheEarlierValue) {
    add("u", R"({"aid":1,"bid":1,"abalance":1,"filler":"kept"})");
    add("u", R"({"aid":1,"abalance":2,"filler":"__debezium_unavailable_value"})");
    add("u", R"({"aid":2,"filler":"__debezium_unavailable_value"})");
    add("u", R"({"aid":2,"bid":null})");
    EXPECT_EQ(net(), (std::vector<std::string>{"upsert 1|1|2|kept by 1", "upsert 2|null|absent|unavailable by 3"}));
}

TEST_F(CoalesceTest, DeleteWinsOrIsReplaced) {
    add("c", R"({"aid":1,"bid":1})");
    add("d", R"({"aid":1})");
    add("d", R"({"aid":2})");
    add("c", R"({"aid":2,"bid":7})");
    add("u", R"({"aid":2,"abalance":8})");
    EXPECT_EQ(net(), (std::vector<std::string>{"delete 1|absent|absent|absent by 1", "replace 2|7|8|absent by 4"}));
}

TEST_F(CoalesceTest, IncomparableKeysStayAsTheyCame) {
    table.target.comparableKey = false;
    add("c", R"({"aid":2})");
    add("c", R"({"aid":1})");
    add("u", R"({"aid":2})");
    EXPECT_EQ(net().size(), 3u);
    EXPECT_EQ(net()[0], "upsert 2|absent|absent|absent by 0");
}

TEST_F(CoalesceTest, KeysEqualInPostgresAreOneKey) {
    table.target.columns[0].type = ColumnType::Numeric;
    table.target.key = {0, 3};
    add("c", R"({"aid":1.0,"filler":"x "})");
    add("u", R"({"aid":1.00,"filler":"x"})");
    add("u", R"({"aid":10,"filler":"x"})");
    EXPECT_EQ(net().size(), 2u);
}

TEST_F(CoalesceTest, ThousandsOfKeys) {
    for (int round = 0; round < 2; ++round)
        for (int i = 0; i < 5000; ++i)
            add("c", R"({"aid":)" + std::to_string((i * 7919) % 5000) + R"(,"bid":)" + std::to_string(round) + "}");
    const auto result = net();
    ASSERT_EQ(result.size(), 5000u);
    EXPECT_EQ(result[4321].substr(0, 14), "upsert 4321|1|");
}

} // namespace
} // namespace standin::cdc
