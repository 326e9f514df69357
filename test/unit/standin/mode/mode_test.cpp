#include <gtest/gtest.h>

#include "base/error.h"
#include "standin/mode/mode.h"

using namespace standin::core;
using namespace std::chrono_literals;

namespace {
constexpr ModeSettings settings{.rise = 2, .fall = 3, .minimumDwell = 10s};

/// Feeds probes ('+' good, '-' bad) and applies what follows; returns the mode at the end.
Mode feed(ModeState& state, const std::string& probes) {
    for (const char probe : probes)
        if (auto change = observe(state, settings, probe == '+'))
            state.mode = change->mode;
    return state.mode;
}
} // namespace

TEST(Mode, OneFailureIsSuspectAndRiseBringsItBack) {
    ModeState state;
    EXPECT_EQ(feed(state, "+++-"), Mode::suspect);
    EXPECT_EQ(feed(state, "+"), Mode::suspect);
    EXPECT_EQ(feed(state, "+"), Mode::online);
}

TEST(Mode, FallFailuresInARowAreStandIn) {
    ModeState state;
    EXPECT_EQ(feed(state, "--"), Mode::suspect);
    EXPECT_EQ(feed(state, "+-"), Mode::suspect); // the row is broken
    EXPECT_EQ(feed(state, "--"), Mode::standIn);
}

TEST(Mode, StandInLastsItsDwell) {
    ModeState state{.mode = Mode::standIn, .sinceChange = 9s, .recentEpisodes = 1};
    EXPECT_EQ(feed(state, "+++++"), Mode::standIn);
    state.sinceChange = 10s;
    EXPECT_EQ(feed(state, "+"), Mode::recovering);
}

TEST(Mode, DwellGrowsWithTheEpisodesOfTheHour) {
    ModeState state{.mode = Mode::standIn, .sinceChange = 29s, .recentEpisodes = 3};
    EXPECT_EQ(feed(state, "+++"), Mode::standIn);
    state.sinceChange = 30s;
    EXPECT_EQ(feed(state, "+"), Mode::recovering);
    EXPECT_EQ(dwell(settings, 0), 10s);
    EXPECT_EQ(dwell(settings, 1000), 100s); // bounded
}

TEST(Mode, RecoveringEndsOnlyByDrainOrFall) {
    ModeState state{.mode = Mode::recovering};
    EXPECT_EQ(feed(state, "++++++"), Mode::recovering);
    ASSERT_TRUE(drained(state));
    EXPECT_EQ(drained(state)->mode, Mode::online);
    EXPECT_EQ(feed(state, "-"), Mode::recovering);
    EXPECT_FALSE(drained(state)); // not on a bad probe
    EXPECT_EQ(feed(state, "--"), Mode::standIn);
    EXPECT_FALSE(drained(state));
}

TEST(Mode, ForcedModesStay) {
    for (const Mode forced : {Mode::forcedOnline, Mode::forcedStandIn}) {
        ModeState state{.mode = forced, .sinceChange = 1h};
        EXPECT_EQ(feed(state, "-----+++++"), forced);
        EXPECT_FALSE(drained(state));
    }
}

TEST(Mode, RegimesSayWhoAnswers) {
    EXPECT_EQ(regime(Mode::online), regime(Mode::suspect)); // a suspicion raises no epoch
    EXPECT_FALSE(sends(Mode::standIn));
    EXPECT_FALSE(sends(Mode::forcedStandIn));
    EXPECT_TRUE(sends(Mode::recovering));
    EXPECT_TRUE(decides(Mode::recovering));
    EXPECT_FALSE(decides(Mode::forcedOnline));
}

TEST(Mode, NamesGoBothWays) {
    for (const char* text : {"online", "suspect", "stand_in", "recovering", "forced_online", "forced_stand_in"})
        EXPECT_STREQ(name(modeByName(text)), text);
    EXPECT_THROW(modeByName("down"), standin::Error);
}
