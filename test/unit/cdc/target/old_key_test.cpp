#include "cdc/event_fixture.h"

namespace standin::cdc {
namespace {

/// The key that the row had before, as far as the event says it; "same" if there is nothing to tell.
class OldKeyTest : public EventTest {
protected:
    std::string oldKey(std::optional<std::string_view> key, const std::string& before, const std::string& after) {
        const Event event = decode(key, envelope(before, after, "u"));
        return event.before ? show(event.before[0], table.target.columns[0]) : "same";
    }
    std::string errorOf(std::optional<std::string_view> key, const std::string& value) {
        try {
            decode(key, value);
            return "";
        } catch (const ValueError& error) {
            return error.sqlstate() + " " + error.column() + " " + error.hint();
        }
    }
};

constexpr const char* after = R"({"aid":10,"bid":1,"abalance":2,"filler":"f"})";

TEST_F(OldKeyTest, ARecordKeyThatHasTheTargetsSaysThatItIsTheSame) {
    const char* before = R"({"aid":1,"bid":1,"abalance":2,"filler":"f"})";
    EXPECT_EQ(oldKey(R"({"aid":10})", before, after), "same");
    EXPECT_EQ(oldKey(R"({"bid":1, "aid" : 10})", "null", after), "same");
    EXPECT_EQ(oldKey("{\"a\\u0069d\":10}", "null", after), "same");
    EXPECT_EQ(
        oldKey(
            R"({"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"aid"}]},"payload":{"aid":10}})",
            "null", after),
        "same");
    EXPECT_EQ(oldKey("10", "null", after), "same");
    EXPECT_EQ(oldKey(R"("10")", "null", after), "same");
    EXPECT_EQ(oldKey("Struct{aid=10}", "null", after), "same");
    EXPECT_EQ(oldKey(std::string_view("\0\0\0\0\0\0\0\x0a", 8), "null", after), "same");
}

TEST_F(OldKeyTest, OtherwiseTheRowBeforeSaysIt) {
    const char* before = R"({"aid":1,"bid":1,"abalance":2,"filler":"f"})";
    EXPECT_EQ(oldKey(std::nullopt, before, after), "1");
    EXPECT_EQ(oldKey(R"({"bid":1})", before, after), "1");
    EXPECT_EQ(oldKey("11", before, after), "1");
    EXPECT_EQ(oldKey("Struct{bid=1}", before, after), "1");
    EXPECT_EQ(oldKey(std::nullopt, after, after), "10");
}

TEST_F(OldKeyTest, WhatCannotBeToldIsRefusedWithTheRemedy) {
    for (const char* before : {"null", "{}", R"({"bid":1})", R"({"aid":null,"bid":1})", R"({"aid":0,"bid":1})"}) {
        const std::string error = errorOf(R"({"bid":1})", envelope(before, after, "u"));
        EXPECT_TRUE(error.starts_with("22004 aid ")) << before << ": " << error;
        EXPECT_NE(error.find("REPLICA IDENTITY FULL"), std::string::npos) << error;
    }
    EXPECT_EQ(oldKey(R"({"bid":1})", R"({"aid":0})", R"({"aid":0,"bid":1})"), "0");
    for (const char* op : {"c", "r"})
        EXPECT_EQ(errorOf(R"({"bid":1})", envelope("null", after, op)), "") << op;
}

TEST_F(OldKeyTest, AFlattenedRowHasNoRowBefore) {
    EXPECT_EQ(errorOf(R"({"aid":10})", after), "");
    EXPECT_EQ(errorOf("10", after), "");
    EXPECT_EQ(errorOf(R"({"bid":1})", R"({"aid":10,"bid":1,"__op":"c"})"), "");
    EXPECT_TRUE(errorOf(R"({"bid":1})", R"({"aid":10,"bid":1,"__op":"u"})").starts_with("22004 aid "));
    EXPECT_TRUE(errorOf(R"({"bid":1})", after).starts_with("22004 aid "));
}

TEST_F(OldKeyTest, AColumnOfAnotherCaseIsNamed) {
    const std::string error = errorOf(R"({"AID":10})", envelope("null", R"({"AID":10,"bid":1})", "c"));
    EXPECT_TRUE(error.starts_with("23502 aid The table has a column \"aid\", and names match by case")) << error;
}

} // namespace
} // namespace standin::cdc
