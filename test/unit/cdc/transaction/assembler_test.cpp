#include <gtest/gtest.h>

#include "base/error.h"
#include "cdc/transaction/assembler.h"

namespace standin::cdc {
namespace {

using namespace std::chrono_literals;
using Clock = TransactionAssembler::Clock;
using Totals = std::vector<std::pair<std::string, int64_t>>;

/// A source of tables a and b: a in partitions 0 and 1, b in partition 2.
class Source {
public:
    explicit Source(AssemblerLimits limits = {}) : assembler(limits) {
        assembler.addPartition("a/0", "a", 0);
        assembler.addPartition("a/1", "a", 0);
        assembler.addPartition("b/0", "b", 0);
    }

    void event(uint32_t partition, const std::string& id, int64_t order, int64_t timestamp = 0, int64_t lsn = 0) {
        assembler.add(partition,
                      {end[partition]++,
                       timestamp,
                       100,
                       {id, order, true, lsn, ordersCollection ? ++inCollection[partition / 2] : 0}},
                      now);
    }
    void removal(uint32_t partition, const std::string& id, int64_t order, int64_t timestamp, int64_t lsn) {
        assembler.add(partition, {end[partition]++, timestamp, 100, {id, order, true, lsn, 0, true}}, now);
    }
    void plain(uint32_t partition) { assembler.add(partition, {end[partition]++, 0, 100, {}}, now); }
    void begin(const std::string& id, int64_t timestamp = 0) {
        assembler.addBoundary({false, id, {}, topicEnd++, timestamp}, now);
    }
    void finish(const std::string& id, Totals totals) {
        assembler.addBoundary({true, id, std::move(totals), topicEnd++, 0}, now);
    }

    /// What is released, as "partition:offset" in order; "..." at the end of a part of a transaction.
    std::string next() {
        const Release release = assembler.next(now);
        std::string text;
        for (const uint32_t partition : release.partitions)
            text += (text.empty() ? "" : " ") + std::to_string(partition) + ":" + std::to_string(applied[partition]++);
        incomplete += release.incomplete;
        return text + (release.boundary ? "" : "...");
    }
    TransactionAssembler::Standing standing() const { return assembler.standing(now); }

    TransactionAssembler assembler;
    Clock::time_point now{};
    bool ordersCollection = false;
    int64_t inCollection[2] = {};
    int64_t end[3] = {}, applied[3] = {}, topicEnd = 0, incomplete = 0;
};

TEST(TransactionAssembler, ReleasesATransactionWhenItsTotalsAreReached) {
    Source source;
    source.event(0, "1", 1);
    source.event(2, "1", 3);
    EXPECT_EQ(source.next(), "");
    source.begin("1");
    EXPECT_EQ(source.next(), "");
    source.finish("1", {{"a", 2}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
    EXPECT_EQ(source.assembler.nextOffset(0), 0);
    EXPECT_EQ(source.assembler.topicNext(), 0);
    source.event(1, "1", 2);
    EXPECT_EQ(source.next(), "0:0 1:0 2:0"); // the source's order, across partitions
    EXPECT_EQ(source.assembler.nextOffset(0), 1);
    EXPECT_EQ(source.assembler.topicNext(), 2);
}

TEST(TransactionAssembler, KeepsTheOrderOfTheTopicAndHoldsWhatRunsAhead) {
    Source source;
    source.event(0, "2", 1);
    source.event(2, "3", 1);
    source.begin("1");
    source.finish("1", {{"a", 1}});
    source.begin("2");
    source.finish("2", {{"a", 1}});
    source.begin("3");
    source.finish("3", {{"b", 1}});
    EXPECT_EQ(source.next(), "");
    source.event(1, "1", 1);
    EXPECT_EQ(source.next(), "1:0 0:0 2:0"); // many in one release
}

TEST(TransactionAssembler, WhatBelongsToNoTransactionIsNotHeld) {
    Source source;
    source.plain(0);
    source.event(0, "1", 1);
    source.plain(0);
    source.plain(2);
    EXPECT_EQ(source.next(), "0:0 2:0");
    source.begin("1");
    source.finish("1", {{"a", 1}});
    EXPECT_EQ(source.next(), "0:1 0:2");
}

TEST(TransactionAssembler, TablesThatNobodySubscribedToDoNotMatter) {
    Source source;
    source.begin("1");
    source.finish("1", {});
    source.begin("2");
    source.finish("2", {{"other", 7}});
    source.begin("3");
    source.finish("3", {{"a", 1}, {"other", 7}});
    source.event(0, "3", 5);
    EXPECT_EQ(source.next(), "0:0");
    EXPECT_EQ(source.assembler.topicNext(), 6);
}

TEST(TransactionAssembler, DuplicatesOfAReleasedTransactionPassAndDoNotCount) {
    Source source;
    source.begin("1");
    source.finish("1", {{"a", 1}});
    source.event(0, "1", 1);
    EXPECT_EQ(source.next(), "0:0");
    source.begin("1");
    source.finish("1", {{"a", 1}});
    source.event(0, "1", 1);
    source.begin("2");
    source.finish("2", {{"a", 2}});
    source.event(0, "2", 1);
    EXPECT_EQ(source.next(), "0:1");
    source.event(0, "2", 1); // once more before the second
    EXPECT_EQ(source.next(), "");
    source.event(0, "2", 2);
    EXPECT_EQ(source.next(), "0:2 0:3 0:4");
    EXPECT_EQ(source.assembler.topicNext(), 6);
}

TEST(TransactionAssembler, ARestartInATransactionCountsFromItsSecondBegin) {
    Source source;
    source.begin("1", 100);
    source.event(0, "1", 1, 101, 10); // of the first run; there was another, in partition 1, that is still on its way
    source.begin("1", 200);
    source.event(2, "1", 2, 201, 40); // of the second run, whose numbers begin anew
    source.finish("1", {{"a", 1}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
    ASSERT_TRUE(source.assembler.needsBarrier());
    source.assembler.setBarrier({1, 1, 1});
    EXPECT_EQ(source.next(), "");
    source.event(0, "1", 1, 202, 30);
    EXPECT_EQ(source.next(), ""); // the totals are reached, partition 1 is not read
    source.event(1, "1", 2, 102, 20);
    EXPECT_EQ(source.next(), "0:0 1:0 0:1 2:0"); // the first run before the second
}

TEST(TransactionAssembler, WhatARestartBringsLateComesInItsPlace) {
    Source source;
    source.begin("1", 10);
    source.event(2, "1", 3, 10, 30); // two before it, in other partitions, were lost
    source.begin("1", 20);
    source.event(0, "1", 1, 20, 10);
    source.event(1, "1", 2, 20, 20);
    source.event(2, "1", 3, 20, 30);
    source.finish("1", {{"a", 2}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({1, 1, 2});
    EXPECT_EQ(source.next(), "0:0 1:0 2:0 2:1");
}

TEST(TransactionAssembler, AThirdRunOfATransactionDoesNotCountInItsSecond) {
    Source source;
    source.begin("1", 100);
    source.event(0, "1", 1, 101);
    source.begin("1", 200); // the connector goes on in its midst
    source.event(2, "1", 1, 201);
    source.finish("1", {{"b", 1}});
    source.begin("2", 210);
    source.finish("2", {});
    source.event(0, "1", 1, 301); // and later comes back with the whole of it
    source.event(2, "1", 2, 301);
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({2, 0, 2});
    EXPECT_EQ(source.next(), ""); // END names no table a: until the third BEGIN is seen that is an error
    source.begin("1", 300);
    source.finish("1", {{"a", 1}, {"b", 1}});
    EXPECT_EQ(source.next(), "0:0 0:1 2:0 2:1");
}

TEST(TransactionAssembler, ARestartBeforeAnUnfinishedTransactionRepeatsEarlierOnes) {
    Source source;
    source.begin("1", 10);
    source.event(0, "1", 1, 10);
    source.finish("1", {{"a", 1}});
    source.begin("2", 20);
    source.event(0, "2", 1, 20);
    EXPECT_EQ(source.next(), "0:0");
    source.begin("1", 100);
    source.finish("1", {{"a", 1}});
    source.begin("2", 110);
    source.finish("2", {{"a", 2}});
    source.event(0, "1", 1, 100);
    source.event(0, "2", 1, 110);
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({4, 0, 0});
    EXPECT_EQ(source.next(), "");
    source.event(0, "2", 2, 110);
    EXPECT_EQ(source.next(), "0:1 0:2 0:3 0:4");
}

/// Each partition of another broker: none waits for the others. The event of b is lost, and 2 has begun.
void crash(Source& source) {
    source.begin("1", 10);
    source.event(0, "1", 1, 10);
    source.finish("1", {{"a", 1}, {"b", 1}});
    source.begin("2", 11);
    source.event(1, "2", 1, 11);
    EXPECT_EQ(source.next(), "");
    EXPECT_FALSE(source.assembler.needsBarrier());
}

TEST(TransactionAssembler, WhatACrashLosesInOnePartitionComesAgain) {
    Source source;
    crash(source);
    source.begin("1", 100);
    source.event(0, "1", 1, 100);
    source.event(2, "1", 2, 100);
    source.finish("1", {{"a", 1}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
    ASSERT_TRUE(source.assembler.needsBarrier());
    source.assembler.setBarrier({2, 1, 1});
    source.begin("2", 101);
    source.event(1, "2", 1, 101);
    source.finish("2", {{"a", 1}});
    EXPECT_EQ(source.next(), "0:0 0:1 2:0"); // 2 has become whole with its second run in turn
    ASSERT_TRUE(source.assembler.needsBarrier());
    source.assembler.setBarrier({2, 2, 1});
    EXPECT_EQ(source.next(), "1:0 1:1");
    EXPECT_EQ(source.assembler.topicNext(), 7);
}

TEST(TransactionAssembler, AfterACrashOnlyTheRestMayComeAgain) {
    Source source;
    crash(source);
    source.begin("1", 100);
    source.finish("1", {{"b", 1}}); // the connector goes on behind the event of a, and counts from there
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({1, 1, 1});
    EXPECT_EQ(source.next(), "");
    source.event(2, "1", 1, 100);
    EXPECT_EQ(source.next(), "0:0 2:0");
}

TEST(TransactionAssembler, AnEarlierRunThatIsOnlyLateIsTaken) {
    Source source;
    crash(source);
    source.begin("1", 100);
    source.finish("1", {{"a", 1}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({2, 2, 3});
    EXPECT_EQ(source.next(), "");
    source.event(2, "1", 2, 10);
    EXPECT_EQ(source.next(), "0:0 2:0");
}

TEST(TransactionAssembler, AfterTwoCrashesTheRunThatIsWholeIsTaken) {
    Source source;
    crash(source);
    source.begin("1", 100);
    source.event(0, "1", 1, 100);
    source.finish("1", {{"a", 1}, {"b", 1}});
    source.begin("2", 101);
    source.begin("1", 200);
    source.event(0, "1", 1, 200);
    source.event(2, "1", 2, 200);
    source.finish("1", {{"a", 1}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({3, 1, 1});
    EXPECT_EQ(source.next(), "0:0 0:1 0:2 2:0");
}

/// Partition 0 had begun transaction 2 before the crash, and partition 2 lost its event of 1.
TEST(TransactionAssembler, WhatComesAgainBehindALaterTransactionCounts) {
    for (const bool truncates : {false, true}) {
        Source source;
        source.begin("1", 10);
        source.event(0, "1", 1, 10, 101);
        source.event(0, "2", 1, 11, 201);
        source.begin("1", 100);
        source.event(0, "1", 1, 100, 101);
        source.event(2, "1", 2, 100, 102);
        if (truncates)
            source.event(0, "1", 3, 100, 103); // was lost, wherever it was to be
        source.finish("1", {{"a", truncates ? 2 : 1}, {"b", 1}});
        source.begin("2", 101);
        source.event(0, "2", 1, 101, 201);
        source.finish("2", {{"a", 1}});
        EXPECT_EQ(source.next(), "");
        ASSERT_TRUE(source.assembler.needsBarrier());
        source.assembler.setBarrier({5, 0, 1});
        EXPECT_EQ(source.next(), truncates ? "" : "0:0 2:0 0:1 0:2 0:3");
    }
}

/// The connector goes on where it was: what it had sent to partition 0 does not come again.
TEST(TransactionAssembler, TheRestCountsWhereALaterTransactionHadBegunElsewhere) {
    Source source;
    source.begin("1", 10);
    source.event(0, "1", 1, 10, 101);
    source.event(0, "2", 1, 11, 201);
    source.begin("1", 100);
    source.event(2, "1", 1, 100, 102);
    source.finish("1", {{"b", 1}});
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({2, 0, 1});
    EXPECT_EQ(source.next(), "0:0 2:0");
}

TEST(TransactionAssembler, RemembersWhatWasReleasedBeforeItBegan) {
    Source source;
    source.assembler.remember("1");
    source.finish("1", {{"a", 3}}); // a connector that goes on in the midst of it says no BEGIN
    source.event(0, "1", 3);
    source.begin("2");
    source.finish("2", {{"a", 1}});
    source.event(0, "2", 1);
    EXPECT_EQ(source.next(), "0:0 0:1");
}

TEST(TransactionAssembler, AnEndAloneIsEnough) {
    Source source; // a compacted topic keeps only the last record of a key
    source.finish("1", {{"a", 1}});
    source.event(0, "1", 1);
    EXPECT_EQ(source.next(), "0:0");
}

TEST(TransactionAssembler, ATransactionBeyondTheBuffersComesInPartsInItsOrder) {
    Source source({.heldRecords = 3});
    source.begin("1");
    for (int64_t order = 1; order <= 3; ++order)
        source.event(0, "1", order * 2);
    EXPECT_FALSE(source.assembler.hasRoom(0));
    source.event(2, "1", 3);
    EXPECT_EQ(source.next(), ""); // partition 1 may still have an earlier one
    source.assembler.setAtEnd(1, true);
    EXPECT_EQ(source.next(), "0:0 2:0...");
    source.event(0, "1", 8);
    source.event(0, "1", 10);
    source.event(2, "1", 11);
    source.finish("1", {{"a", 5}, {"b", 2}});
    source.begin("2");
    source.finish("2", {{"b", 1}});
    source.event(2, "2", 1);
    EXPECT_EQ(source.next(), "0:1 0:2 0:3 0:4 2:1"); // up to its boundary, and no further
    EXPECT_EQ(source.next(), "2:2");
}

TEST(TransactionAssembler, APartWaitsForWhatAPartitionAtItsEndHasYetToGet) {
    Source source({.heldRecords = 3});
    source.ordersCollection = true;
    source.assembler.setAtEnd(1, true);
    source.assembler.setAtEnd(2, true);
    source.begin("1");
    source.event(0, "1", 1);
    source.inCollection[0] = 2; // the second was sent to partition 1, and Kafka got others before it
    source.event(0, "1", 3);
    source.event(0, "1", 4);
    source.event(2, "1", 5);
    EXPECT_EQ(source.next(), "0:0...");
    source.inCollection[0] = 1;
    source.event(1, "1", 2);
    source.inCollection[0] = 4;
    source.event(0, "1", 6);
    EXPECT_EQ(source.next(), "1:0 0:1 0:2 2:0 0:3...");
    source.finish("1", {{"a", 5}, {"b", 1}});
    EXPECT_EQ(source.next(), "");
}

TEST(TransactionAssembler, AHoleThatNoPartitionHasRoomToFillHoldsNothingUp) {
    Source source({.heldRecords = 2});
    source.ordersCollection = true;
    source.assembler.setAtEnd(2, true);
    source.begin("1");
    source.event(0, "1", 1);
    source.inCollection[0] = 2;
    for (const uint32_t partition : {0, 1, 1})
        source.event(partition, "1", source.inCollection[0] + 1);
    EXPECT_EQ(source.next(), "0:0 0:1...");
}

TEST(TransactionAssembler, WhatBelongsToNoTransactionMayFillAPartitionBehindAPart) {
    Source source({.heldRecords = 4});
    source.begin("1");
    for (const int order : {1, 2}) { // deletes, each with its tombstone
        source.event(0, "1", order);
        source.plain(0);
    }
    source.event(1, "1", 3);
    EXPECT_FALSE(source.assembler.hasRoom(0));
    EXPECT_EQ(source.next(), "") << "partition 2 may have what comes before";
    source.assembler.setAtEnd(2, true);
    EXPECT_EQ(source.next(), "0:0 0:1 0:2...") << "partition 0 may have more that comes before what partition 1 has";
    source.event(0, "1", 4);
    source.finish("1", {{"a", 4}});
    EXPECT_EQ(source.next(), "0:3 1:0 0:4");
}

TEST(TransactionAssembler, AfterARestartALaterTransactionMayFillAPartition) {
    Source source({.heldRecords = 2});
    source.begin("1", 10);
    source.event(0, "1", 1, 10);
    source.begin("1", 20);
    source.event(2, "1", 1, 20);
    source.finish("1", {{"b", 1}});
    source.begin("2", 30);
    source.event(1, "2", 1, 30);
    source.event(1, "2", 2, 30);
    EXPECT_EQ(source.next(), "");
    ASSERT_TRUE(source.assembler.needsBarrier());
    source.assembler.setBarrier({1, 9, 1}); // partition 1 has no room to be read so far
    EXPECT_EQ(source.next(), "0:0 2:0");
}

TEST(TransactionAssembler, ARestartedTransactionBeyondTheBuffersKeepsItsOrder) {
    Source source({.heldRecords = 2});
    source.assembler.setAtEnd(2, true);
    source.begin("1", 10);
    source.event(0, "1", 1, 10, 10);
    source.event(0, "1", 3, 10, 30);
    source.begin("1", 20);
    EXPECT_EQ(source.next(), ""); // what partition 1 has comes in between
    source.event(1, "1", 2, 10, 20);
    EXPECT_EQ(source.next(), "0:0 1:0...");
    source.event(1, "1", 1, 20, 40);
    source.event(1, "1", 2, 20, 50);
    EXPECT_EQ(source.next(), "0:1...");
}

TEST(TransactionAssembler, ARowLeavesItsOldKeyFirstThoughTheConnectorWentOnBetween) {
    Source source;
    source.begin("1", 10);
    source.event(2, "1", 1, 10, 10);
    source.removal(1, "1", 2, 10, 20);
    source.begin("1", 20);
    source.finish("1", {{"a", 1}});
    EXPECT_EQ(source.next(), "");
    source.assembler.setBarrier({0, 1, 1});
    source.event(0, "1", 1, 20, 20); // numbered anew from here
    EXPECT_EQ(source.next(), "2:0 1:0 0:0");
}

TEST(TransactionAssembler, ARestartWhileAPartIsAppliedStartsOver) {
    Source source({.heldRecords = 2});
    source.assembler.setAtEnd(1, true);
    source.assembler.setAtEnd(2, true);
    source.begin("1");
    source.event(0, "1", 1);
    source.event(0, "1", 2);
    EXPECT_EQ(source.next(), "0:0 0:1...");
    source.begin("1");
    EXPECT_THROW(source.next(), Error);
}

TEST(TransactionAssembler, AStallIsToldAndWaitsOrApplies) {
    for (const bool apply : {false, true}) {
        Source source({.stallTimeout = 10s, .applyOnStall = apply});
        source.begin("1");
        source.finish("1", {{"a", 2}, {"b", 1}});
        source.event(0, "1", 1);
        source.event(2, "1", 3);
        source.begin("2");
        source.finish("2", {{"a", 1}});
        source.event(0, "2", 1);
        EXPECT_EQ(source.next(), "");
        source.now += 9s;
        EXPECT_EQ(source.next(), "");
        EXPECT_FALSE(source.standing().stalled);
        EXPECT_EQ(source.standing().detail, "transaction 1 lacks 1 of 2 events of a");
        source.now += 2s;
        EXPECT_FALSE(source.standing().stalled); // partition 1 was not read to its end
        EXPECT_EQ(source.next(), "");
        source.assembler.setAtEnd(1, true);
        EXPECT_TRUE(source.standing().stalled);
        EXPECT_EQ(source.next(), apply ? "0:0 2:0 0:1" : "");
        EXPECT_EQ(source.incomplete, apply ? 2 : 0);
    }
}

TEST(TransactionAssembler, ALateEndWaitsAndAMissingOneStalls) {
    Source source({.stallTimeout = 10s, .applyOnStall = true});
    source.begin("1");
    source.event(0, "1", 1);
    source.assembler.setAtEnd(1, true);
    source.now += 60s;
    EXPECT_EQ(source.next(), "");
    source.now += 60s;
    EXPECT_EQ(source.next(), "");
    EXPECT_EQ(source.standing().detail, "transaction 1 waits for its END");
    EXPECT_FALSE(source.standing().stalled);
    source.begin("2");
    EXPECT_TRUE(source.standing().stalled);
    EXPECT_EQ(source.next(), "0:0");
    EXPECT_EQ(source.incomplete, 1);
}

TEST(TransactionAssembler, AnEventWithoutBeginStalls) {
    for (const bool apply : {false, true}) {
        Source source({.stallTimeout = 10s, .applyOnStall = apply});
        source.event(0, "1", 1);
        source.event(1, "1", 2);
        source.now += 11s;
        EXPECT_EQ(source.next(), "");
        EXPECT_FALSE(source.standing().stalled); // the topic may say more
        source.assembler.setTopicAtEnd(true);
        EXPECT_TRUE(source.standing().stalled);
        EXPECT_NE(source.standing().detail.find("transaction 1, which the transaction topic does not begin"),
                  std::string::npos);
        EXPECT_EQ(source.next(), apply ? "0:0 1:0" : "");
        EXPECT_EQ(source.incomplete, apply ? 2 : 0);
    }
}

TEST(TransactionAssembler, AChangeThatNamesNoTransactionStalls) {
    Source source({.stallTimeout = 10s});
    source.event(0, "", 0);
    EXPECT_EQ(source.next(), "");
    source.now += 11s;
    EXPECT_EQ(source.next(), "");
    EXPECT_TRUE(source.standing().stalled);
    EXPECT_NE(source.standing().detail.find("provide.transaction.metadata"), std::string::npos);
}

TEST(TransactionAssembler, ATableThatEndDoesNotNameStalls) {
    Source source({.stallTimeout = 10s});
    source.begin("1");
    source.event(0, "1", 1);
    source.finish("1", {{"public.a", 1}});
    EXPECT_EQ(source.next(), "");
    source.now += 11s;
    EXPECT_TRUE(source.standing().stalled);
    EXPECT_NE(source.standing().detail.find("data_collection"), std::string::npos);
}

TEST(TransactionAssembler, ATableWhoseTopicIsYetToBeFoundIsWaitedFor) {
    Source source({.stallTimeout = 10s, .applyOnStall = true});
    source.assembler.addCollection("c");
    source.begin("1");
    source.finish("1", {{"c", 1}, {"a", 1}});
    source.event(0, "1", 1);
    source.assembler.setAtEnd(1, true);
    source.now += 60s;
    EXPECT_EQ(source.next(), "");
    EXPECT_FALSE(source.standing().stalled);
}

TEST(TransactionAssembler, AReleaseStopsAtItsLimit) {
    Source source({.records = 2});
    for (const std::string id : {"1", "2", "3"}) {
        source.begin(id);
        source.finish(id, {{"a", 1}});
        source.event(0, id, 1);
    }
    EXPECT_EQ(source.next(), "0:0 0:1");
    EXPECT_EQ(source.assembler.topicNext(), 4);
    EXPECT_EQ(source.next(), "0:2");
}

} // namespace
} // namespace standin::cdc
