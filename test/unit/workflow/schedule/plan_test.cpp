#include "workflow/schedule/plan.h"

#include <gtest/gtest.h>

#include "workflow/schedule/zones.h"

namespace standin::workflow {
namespace {

constexpr Second hour = 3600;
const Second start = at(2026, 1, 1);

/// Ticks on each hour.
Policy hourly(Overlap overlap = Overlap::allow, Backfill backfill = Backfill::none,
              Moment window = 24 * hour * perSecond) {
    return {.overlap = overlap,
            .backfill = backfill,
            .backfillWindow = window,
            .next = [](Second after) { return std::optional((after / hour + 1) * hour); },
            .delay = [](Second) { return Moment{0}; }};
}

Moment moment(Second second) { return second * perSecond; }

TEST(Plan, WaitsForTheNextTick) {
    const Turn turn = takeTurn(hourly(), {.decided = start}, moment(start + 10), false);
    EXPECT_EQ(turn.start, std::nullopt);
    EXPECT_EQ(turn.next, start + hour);
    EXPECT_EQ(turn.dueAt, moment(start + hour));
    EXPECT_EQ(turn.standing.decided, start);
}

TEST(Plan, StartsATickThatHasCome) {
    const Turn turn = takeTurn(hourly(), {.decided = start}, moment(start + hour), false);
    EXPECT_EQ(turn.start, start + hour);
    EXPECT_EQ(turn.standing.decided, start + hour);
    EXPECT_EQ(turn.dueAt, moment(start + 2 * hour));
}

TEST(Plan, StartsOneATurn) {
    Policy everySecond = hourly();
    everySecond.next = [](Second after) { return std::optional(after + 1); };
    const Turn turn = takeTurn(everySecond, {.decided = start}, moment(start + 5), false);
    EXPECT_EQ(turn.start, start + 1);
    EXPECT_EQ(turn.standing.decided, start + 1);
    EXPECT_EQ(turn.dueAt, moment(start + 2)); // at once
}

TEST(Plan, MissesWhatIsLateWithoutBackfill) {
    const Turn turn = takeTurn(hourly(), {.decided = start}, moment(start + 5 * hour + 61), false);
    EXPECT_EQ(turn.start, std::nullopt);
    EXPECT_EQ(turn.missed, 5);
    EXPECT_EQ(turn.standing.decided, start + 5 * hour);
    const Turn punctual = takeTurn(hourly(), {.decided = start}, moment(start + 5 * hour + 60), false);
    EXPECT_EQ(punctual.start, start + 5 * hour);
    EXPECT_EQ(punctual.missed, 4);
}

TEST(Plan, MakesUpTheLastOrAllWithinTheWindow) {
    const Moment now = moment(start + 5 * hour + 1000);
    const Turn last = takeTurn(hourly(Overlap::allow, Backfill::last), {.decided = start}, now, false);
    EXPECT_EQ(last.start, start + 5 * hour);
    EXPECT_EQ(last.missed, 4);
    const Turn all = takeTurn(hourly(Overlap::allow, Backfill::all), {.decided = start}, now, false);
    EXPECT_EQ(all.start, start + hour);
    EXPECT_EQ(all.missed, 0);
    const Turn some = takeTurn(hourly(Overlap::allow, Backfill::all, moment(3 * hour)), {.decided = start}, now, false);
    EXPECT_EQ(some.start, start + 3 * hour);
    EXPECT_EQ(some.missed, 2);
    const Turn none = takeTurn(hourly(Overlap::allow, Backfill::last, moment(100)), {.decided = start}, now, false);
    EXPECT_EQ(none.start, std::nullopt);
    EXPECT_EQ(none.missed, 5);
}

TEST(Plan, GoesThroughALongTimeInSeveralTurns) {
    Policy everySecond = hourly();
    everySecond.next = [](Second after) { return std::optional(after + 1); };
    const Moment now = moment(start + 250'000);
    Standing standing{.decided = start};
    int64_t missed = 0;
    int turns = 0;
    Turn turn;
    do {
        turn = takeTurn(everySecond, standing, now, false);
        standing = turn.standing;
        missed += turn.missed;
        ++turns;
    } while (!turn.start && *turn.dueAt <= now);
    EXPECT_EQ(missed, 250'000 - 61);
    EXPECT_EQ(turns, 3);
}

TEST(Plan, SkipsWhileTheLastIsOpen) {
    const Turn turn = takeTurn(hourly(Overlap::skip), {.decided = start}, moment(start + hour), true);
    EXPECT_EQ(turn.start, std::nullopt);
    EXPECT_EQ(turn.skipped, 1);
    EXPECT_EQ(turn.standing.decided, start + hour);
    EXPECT_EQ(turn.dueAt, moment(start + 2 * hour));
}

TEST(Plan, BuffersOneAndSkipsTheOthers) {
    const Policy policy = hourly(Overlap::bufferOne);
    Turn turn = takeTurn(policy, {.decided = start}, moment(start + hour), true);
    EXPECT_EQ(turn.standing.buffered, start + hour);
    EXPECT_EQ(turn.dueAt, moment(start + hour + 1)); // to see whether the last has ended
    turn = takeTurn(policy, turn.standing, moment(start + 2 * hour), true);
    EXPECT_EQ(turn.standing.buffered, start + hour);
    EXPECT_EQ(turn.skipped, 1);
    turn = takeTurn(policy, turn.standing, moment(start + 2 * hour + 5), false);
    EXPECT_EQ(turn.start, start + hour);
    EXPECT_EQ(turn.standing.buffered, std::nullopt);
    EXPECT_EQ(turn.dueAt, moment(start + 3 * hour));
}

TEST(Plan, EndsWithItsLastTick) {
    Policy policy = hourly();
    policy.endsAt = start + hour + 10;
    Turn turn = takeTurn(policy, {.decided = start}, moment(start + hour), false);
    EXPECT_EQ(turn.start, start + hour);
    EXPECT_EQ(turn.next, std::nullopt);
    EXPECT_EQ(turn.dueAt, std::nullopt);
    policy.overlap = Overlap::bufferOne;
    turn = takeTurn(policy, {.decided = start}, moment(start + hour), true);
    EXPECT_EQ(turn.dueAt, moment(start + hour + 1));
}

TEST(Plan, StartsByTheJitterLater) {
    Policy policy = hourly();
    policy.delay = [](Second) { return 90 * perSecond; };
    EXPECT_EQ(takeTurn(policy, {.decided = start}, moment(start + hour + 89), false).start, std::nullopt);
    const Turn turn = takeTurn(policy, {.decided = start}, moment(start + hour + 90), false);
    EXPECT_EQ(turn.start, start + hour); // and is not late
    EXPECT_EQ(turn.dueAt, moment(start + 2 * hour + 90));
}

TEST(Plan, JitterIsTheSameForTheSameTick) {
    EXPECT_EQ(jitterOf("a", start, 0), 0);
    EXPECT_EQ(jitterOf("a", start, 60 * perSecond), jitterOf("a", start, 60 * perSecond));
    EXPECT_NE(jitterOf("a", start, 60 * perSecond), jitterOf("b", start, 60 * perSecond));
    // Stored nowhere, and the same everywhere.
    EXPECT_EQ(jitterOf("nightly", at(2026, 3, 29), 3600 * perSecond), 2'410'351'810);
    Moment sum = 0;
    for (int i = 0; i < 1000; ++i) {
        const Moment jitter = jitterOf("a", start + i * hour, 60 * perSecond);
        ASSERT_GE(jitter, 0);
        ASSERT_LT(jitter, 60 * perSecond);
        sum += jitter;
    }
    EXPECT_NEAR(static_cast<double>(sum) / 1000, 30e6, 3e6);
}

} // namespace
} // namespace standin::workflow
