#include "outbox/mark.h"

#include <gtest/gtest.h>

namespace standin::outbox {
namespace {

const Mark mark{"7000", {2, 100}, "claim-1", 40, "0/16B3748", "2026-01-01 00:00:00+00"};

Here here() { return {.system = "7000", .timeline = 2, .sending = {2, 120}, .claimKnown = true, .everMarked = true}; }

Verdict judged(const Mark& found, const Here& known) { return judge(found.json(), known); }

TEST(Mark, IsReadAsItWasWritten) {
    EXPECT_EQ(Mark::parse(mark.json()), mark);
    const Mark odd{"a\"b\\c\n", {1, INT64_MAX}, "", 0, "", ""};
    EXPECT_EQ(Mark::parse(odd.json())->system, "a\"b\\c");
    EXPECT_EQ(Mark::parse(odd.json())->place, odd.place);
}

TEST(Mark, IsNothingElse) {
    for (const char* text :
         {"", "{}", "[]", "null", "{\"v\":2}", "x", "{\"v\":1,\"system\":\"s\",\"timeline\":-1,\"seq\":1}"})
        EXPECT_FALSE(Mark::parse(text)) << text;
    std::string later = mark.json();
    later.replace(later.find("\"v\":1"), 5, "\"v\":2");
    EXPECT_FALSE(Mark::parse(later));
}

TEST(Judge, GoesOnFromItsOwnMark) {
    EXPECT_EQ(judged(mark, here()).kind, Verdict::Kind::GoOn);
    EXPECT_EQ(judged(mark, here()).from, mark.place);
    Mark last = mark;
    last.place = here().sending;
    EXPECT_EQ(judged(last, here()).from, last.place);
}

TEST(Judge, BeginsWhereNothingWasEverMarked) {
    Here fresh = here();
    fresh.everMarked = false;
    EXPECT_EQ(judge(std::nullopt, fresh).kind, Verdict::Kind::GoOn);
    EXPECT_EQ(judge(std::nullopt, fresh).from, kernel::CommitPlace{});
}

TEST(Judge, AMissingMarkIsNoBeginning) { EXPECT_EQ(judge(std::nullopt, here()).kind, Verdict::Kind::Diverged); }

TEST(Judge, MarksOfOthersStopItForGood) {
    Here known = here();
    known.claimKnown = false;
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::Fenced);
    known = here();
    known.system = "8000";
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::Fenced);
    known = here();
    known.timeline = 1;
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::Fenced);
    EXPECT_EQ(judge("hello", here()).kind, Verdict::Kind::Fenced);
}

TEST(Judge, WhatWasNeverToBeSentWasLostHere) {
    Here known = here();
    known.sending = {2, 99};
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::Diverged);
    known.sending = {1, 1000}; // the timeline counts first
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::Diverged);
}

TEST(Judge, WhatKafkaHadAndHasNot) {
    Here known = here();
    known.sent = {2, 101};
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::Diverged);
    known.sent = mark.place;
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::GoOn);
}

TEST(Judge, AnEarlierTimelineIsOneOfOurs) {
    Mark before = mark;
    before.place = {1, 5000};
    Here promoted = here();
    promoted.sending = {1, 5000};
    EXPECT_EQ(judged(before, promoted).from, before.place);
    promoted.sending = {2, 3};
    EXPECT_EQ(judged(before, promoted).from, before.place);
}

TEST(Judge, AnAdoptedMarkIsTheEndOfAnotherLife) {
    Here known = here();
    known.claimKnown = known.everMarked = false;
    known.sending = {};
    known.adopted = mark.json();
    EXPECT_EQ(judged(mark, known).kind, Verdict::Kind::GoOn);
    EXPECT_EQ(judged(mark, known).from, kernel::CommitPlace{});
    Mark moved = mark;
    ++moved.place.seq;
    EXPECT_EQ(judged(moved, known).kind, Verdict::Kind::Fenced) << "who wrote it is alive";
    known.adopted = "";
    EXPECT_EQ(judge(std::nullopt, known).kind, Verdict::Kind::GoOn);
    known.everMarked = true;
    EXPECT_EQ(judge(std::nullopt, known).kind, Verdict::Kind::Diverged) << "gone once more";
}

} // namespace
} // namespace standin::outbox
