#include <gtest/gtest.h>

#include "cdc/gap/gap.h"

namespace standin::cdc {
namespace {

const std::set<std::string> both{"a", "b"};

/// A transaction topic, by Kafka's time, and events beside it.
class Topic {
public:
    explicit Topic(std::set<std::string> read = both) : read_(std::move(read)) {}

    void begin(const std::string& id, int64_t lsn) { add({false, id, {}, 0, 0, lsn}); }
    void end(const std::string& id, int64_t lsn, std::vector<std::pair<std::string, int64_t>> totals) {
        add({true, id, std::move(totals), 0, 0, lsn});
    }
    void event(const std::string& id, int64_t lsn, int64_t order, const std::string& collection, int64_t place) {
        events_.push_back({{id, order, true, lsn, place}, collection});
    }
    /// One event of `a` and one of `b`.
    void whole(const std::string& id, int64_t lsn) {
        begin(id, lsn);
        event(id, lsn, 1, "a", 1);
        event(id, lsn + 1, 2, "b", 1);
        end(id, lsn + 3, {{"a", 1}, {"b", 1}});
    }
    void pause() { now_ += 2000; }

    std::vector<std::string> suspects() const { return suspects_; }
    Gap gap(const std::string& id) const {
        const SourceTransaction* suspect = watch_.find(id);
        GapSearch search({suspect}, watch_.undisturbed(suspect->eventsFrom, suspect->eventsTo), read_);
        for (const auto& [mark, collection] : events_)
            search.add(mark, collection);
        return search.find(*suspect);
    }

private:
    void add(Boundary boundary) {
        boundary.offset = offset_++;
        boundary.timestamp = now_++;
        if (const auto* suspect = watch_.add(boundary))
            suspects_.push_back(suspect->id);
    }

    const std::set<std::string> read_;
    TransactionWatch watch_;
    std::vector<std::pair<TransactionMark, std::string>> events_;
    std::vector<std::string> suspects_;
    int64_t now_ = 1000000, offset_ = 0;
};

using Ids = std::vector<std::string>;
using Orders = std::vector<int64_t>;

TEST(Gap, AnUndisturbedStreamHasNoSuspect) {
    Topic topic;
    for (int64_t i = 1; i < 50; ++i)
        topic.whole(std::to_string(i), i * 10);
    topic.pause();
    topic.whole("50", 500); // whatever the pause was, it began behind it
    EXPECT_EQ(topic.suspects(), Ids{});
}

TEST(Gap, TheHeadOfATransactionThatBeganBeforeTheLastCommit) {
    Topic topic;
    topic.whole("1", 10);
    topic.begin("2", 20);
    topic.event("2", 20, 1, "a", 1);
    topic.end("2", 40, {{"a", 1}});
    topic.pause();
    topic.begin("3", 30);
    topic.event("3", 45, 1, "b", 1);
    topic.end("3", 50, {{"b", 1}});
    ASSERT_EQ(topic.suspects(), Ids{"3"});
    EXPECT_EQ(topic.gap("3").first, 45);
    EXPECT_EQ(topic.gap("3").orders, Orders{});
}

TEST(Gap, ATransactionThatOverlapsAPauseMayBeWhole) {
    Topic topic;
    topic.whole("1", 10);
    topic.pause();
    topic.begin("2", 12);
    topic.event("2", 12, 1, "a", 1);
    topic.event("2", 30, 2, "a", 2);
    topic.end("2", 50, {{"a", 2}});
    ASSERT_EQ(topic.suspects(), Ids{"2"});
    EXPECT_TRUE(topic.gap("2").empty());
}

TEST(Gap, WhatAnEarlierRunSentIsNotMissing) {
    Topic topic;
    topic.whole("1", 10);
    topic.begin("2", 12);
    topic.event("2", 12, 1, "a", 1);
    topic.pause();
    topic.begin("2", 12);
    topic.event("2", 30, 1, "a", 1); // numbered anew
    topic.event("2", 31, 2, "b", 1);
    topic.end("2", 50, {{"a", 1}, {"b", 1}});
    ASSERT_EQ(topic.suspects(), Ids{"2"});
    EXPECT_TRUE(topic.gap("2").empty());
}

TEST(Gap, WhatIsSentAgainWholeIsNotSuspect) {
    Topic topic;
    topic.whole("1", 10);
    topic.whole("2", 20);
    topic.pause();
    topic.begin("1", 10);
    topic.end("1", 13, {});
    topic.begin("2", 20);
    topic.event("2", 21, 1, "b", 1);
    topic.end("2", 23, {{"b", 1}});
    EXPECT_EQ(topic.suspects(), Ids{});
}

TEST(Gap, WhatIsSentAgainIsKnownByItsEnd) {
    Topic topic; // which remembers nothing of the first time
    topic.whole("2", 20);
    topic.pause();
    topic.begin("1", 10);
    topic.end("1", 13, {});
    EXPECT_EQ(topic.suspects(), Ids{});
}

TEST(Gap, HolesInTheOrderOfATransactionThatBeganAgain) {
    Topic topic;
    topic.begin("file=1,pos=7", 0);
    topic.event("file=1,pos=7", 0, 1, "a", 1);
    topic.pause();
    topic.begin("file=1,pos=7", 0);
    topic.event("file=1,pos=7", 0, 4, "b", 2);
    topic.end("file=1,pos=7", 0, {{"a", 2}, {"b", 2}});
    ASSERT_EQ(topic.suspects(), Ids{"file=1,pos=7"});
    const Gap gap = topic.gap("file=1,pos=7");
    EXPECT_EQ(gap.first, 0);
    EXPECT_EQ(gap.orders, (Orders{2, 3}));
    EXPECT_EQ(gap.collectionOrders, (std::map<std::string, Orders>{{"a", {2}}, {"b", {1}}}));
}

TEST(Gap, OfATableThatIsNotReadNothingIsMissing) {
    Topic topic({"a"});
    topic.whole("1", 10);
    topic.pause();
    topic.begin("2", 12);
    topic.event("2", 30, 2, "a", 1);
    topic.end("2", 50, {{"a", 1}, {"b", 1}});
    ASSERT_EQ(topic.suspects(), Ids{"2"});
    EXPECT_TRUE(topic.gap("2").empty());
}

TEST(Gap, AWholeTransaction) {
    Topic topic;
    topic.whole("1", 10);
    topic.pause();
    topic.begin("2", 12);
    topic.end("2", 50, {});
    ASSERT_EQ(topic.suspects(), Ids{"2"});
    EXPECT_TRUE(topic.gap("2").whole);
}

TEST(Gap, WhereTransactionsWithoutAnEventAreUsualOneMoreIsNone) {
    Topic topic;
    topic.whole("1", 10);
    topic.begin("2", 14);
    topic.end("2", 20, {});
    topic.pause();
    topic.begin("3", 15);
    topic.end("3", 50, {});
    ASSERT_EQ(topic.suspects(), Ids{"3"});
    EXPECT_TRUE(topic.gap("3").empty());
}

TEST(Gap, EventsThatDoNotSayWhoseTheyAreAreNotMissing) {
    Topic topic;
    topic.whole("1", 10);
    topic.pause();
    topic.begin("2", 12);
    topic.end("2", 60, {{"a", 3}});
    ASSERT_EQ(topic.suspects(), Ids{"2"});
    EXPECT_TRUE(topic.gap("2").empty());
}

TEST(Gap, AConnectorWhoseBeginsAreElsewhereAnywaySaysNothingByThem) {
    Topic topic;
    topic.begin("1", 10);
    topic.event("1", 15, 1, "a", 1); // behind a table that the connector leaves out
    topic.end("1", 20, {{"a", 1}});
    topic.pause();
    topic.begin("2", 12);
    topic.event("2", 30, 1, "a", 1);
    topic.event("2", 31, 3, "a", 3);
    topic.end("2", 50, {{"a", 3}});
    ASSERT_EQ(topic.suspects(), Ids{"2"});
    EXPECT_EQ(topic.gap("2").first, 0);
    EXPECT_EQ(topic.gap("2").orders, Orders{2});
}

} // namespace
} // namespace standin::cdc
