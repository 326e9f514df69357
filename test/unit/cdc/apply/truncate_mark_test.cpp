#include <gtest/gtest.h>

#include "base/error.h"
#include "cdc/apply/truncate_mark.h"

namespace standin::cdc {
namespace {

Event at(std::string_view position, int64_t micros = 100, std::string_view origin = "core/bank") {
    Event event;
    event.operation = position.empty() ? Operation::Read : Operation::Update;
    event.origin = position.empty() ? "" : origin;
    event.position = position;
    event.sourceMicros = event.debeziumMicros = micros;
    return event;
}

PositionMarks::Mark reached(const std::string& position, int64_t micros = 100,
                            const std::string& origin = "core/bank") {
    PositionMarks::Mark mark;
    mark.origin = origin;
    mark.position = position;
    mark.micros = micros;
    return mark;
}

class TruncateMarkTest : public testing::Test {
protected:
    TruncateMark truncate{"core/bank", "P5", 100, 100};

    /// Whether a range made of these stretches, the latest one first, is whole.
    bool whole(const std::string& furthest, std::initializer_list<std::initializer_list<const char*>> stretches) {
        AppliedRange range(truncate, {{reached(furthest)}, 100});
        for (const auto& stretch : stretches) {
            range.beginStretch();
            for (const char* position : stretch)
                range.take(at(position));
        }
        return range.whole();
    }
};

TEST_F(TruncateMarkTest, TheLogsOrderDecidesNotTheClock) {
    EXPECT_EQ(sideOf(truncate, at("P4", 100)), Side::Before);
    EXPECT_EQ(sideOf(truncate, at("P5", 100)), Side::Before);
    EXPECT_EQ(sideOf(truncate, at("P6", 100)), Side::After);
    EXPECT_EQ(sideOf(truncate, at("P6", 99)), Side::After);
    EXPECT_EQ(sideOf(truncate, at("P4", 101)), Side::After); // the source was restored
}

TEST_F(TruncateMarkTest, WhatHasNoPlaceIsToldByItsTime) {
    EXPECT_EQ(sideOf(truncate, at("", 99)), Side::Before);
    EXPECT_EQ(sideOf(truncate, at("", 101)), Side::After);
    EXPECT_EQ(sideOf(truncate, at("", 100)), Side::Unknown);
    EXPECT_EQ(sideOf(truncate, at("", 0)), Side::Unknown);
    Event read = at("");
    read.sourceMicros = 500; // the database's clock, which is not the connector's
    read.debeziumMicros = 99;
    EXPECT_EQ(sideOf(truncate, read), Side::Before);
    Event change = at("");
    change.operation = Operation::Create;
    change.sourceMicros = 99;
    change.debeziumMicros = 500; // sent again
    EXPECT_EQ(sideOf(truncate, change), Side::Before);
    EXPECT_EQ(sideOf(truncate, at("P9", 99, "core/other")), Side::Before);
}

TEST_F(TruncateMarkTest, APartitionIsBehindOnlyIfThatIsSure) {
    EXPECT_FALSE(mayBeAhead(truncate, {{reached("P4")}, 99}));
    EXPECT_FALSE(mayBeAhead(truncate, {{}, 99}));
    EXPECT_TRUE(mayBeAhead(truncate, {{reached("P6")}, 100}));
    EXPECT_TRUE(mayBeAhead(truncate, {{reached("P4")}, 101})); // a row without a place came last
    EXPECT_TRUE(mayBeAhead(truncate, {{}, std::nullopt}));
    EXPECT_TRUE(mayBeAhead(truncate, {{reached("")}, 99})); // in doubt
}

TEST_F(TruncateMarkTest, WhatCannotBeComparedIsRefused) {
    EXPECT_THROW(mayBeAhead(truncate, {{reached("P4", 1, "other/bank")}, 99}), Error);
    EXPECT_THROW(mayBeAhead(truncate, {{reached("P4", 1, "core/other")}, 99}), Error);
    EXPECT_THROW(mayBeAhead(truncate, {{reached("P6", 99)}, 99}), Error); // restored
    EXPECT_THROW(markOf(at("")), Error);
    Event ofRedoThread = at("P5");
    EXPECT_NO_THROW(markOf(ofRedoThread));
    ofRedoThread.tail = 1;
    EXPECT_THROW(markOf(ofRedoThread), Error);
    truncate.segment = 8;
    truncate.origin = "m/2/bin";
    EXPECT_FALSE(mayBeAhead(truncate, {{reached("P9", 99, "m/1/bin")}, 99})); // before a failover
    EXPECT_THROW(mayBeAhead(truncate, {{reached("P9", 100, "m/1/bin")}, 99}), Error);
}

TEST_F(TruncateMarkTest, ARangeIsWholeOnlyIfNothingCanBeMissing) {
    EXPECT_TRUE(whole("P8", {{"P3", "P6", "P8"}}));
    EXPECT_FALSE(whole("P8", {{"P6", "P8"}}));
    EXPECT_TRUE(whole("P8", {{"P6", "P8"}, {"P4", "P5"}}));
    EXPECT_TRUE(whole("P8", {{"P6", "P8"}, {}, {"P4", "P5"}}));
    EXPECT_FALSE(whole("P8", {{"P3", "P6"}})); // a restarted connector died again before it came so far
    EXPECT_TRUE(whole("P8", {{"P3", "P6"}, {"P7", "P8"}, {"P4", "P6"}}));
    EXPECT_FALSE(whole("P8", {{"P3", "P6"}, {"P7", "P8"}}));
    EXPECT_TRUE(whole("P4", {{"P4"}}));
}

} // namespace
} // namespace standin::cdc
