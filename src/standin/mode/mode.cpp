#include "standin/mode/mode.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/error.h"

namespace standin::core {

namespace {

constexpr std::array<const char*, 6> names{"online",     "suspect",       "stand_in",
                                           "recovering", "forced_online", "forced_stand_in"};
constexpr int dwellMultiplierMaximum = 10;

} // namespace

const char* name(Mode mode) { return names[static_cast<size_t>(mode)]; }

Mode modeByName(std::string_view text) {
    for (size_t i = 0; i < names.size(); ++i)
        if (text == names[i])
            return static_cast<Mode>(i);
    throw Error("22023", "mode \"" + std::string(text) + "\" is not known", {},
                "Modes are online, suspect, stand_in, recovering, forced_online and forced_stand_in.");
}

Regime regime(Mode mode) {
    switch (mode) {
    case Mode::standIn:
    case Mode::forcedStandIn:
        return Regime::standIn;
    case Mode::recovering:
        return Regime::draining;
    default:
        return Regime::core;
    }
}

std::chrono::microseconds dwell(const ModeSettings& settings, int recentEpisodes) {
    return settings.minimumDwell * std::clamp(recentEpisodes, 1, dwellMultiplierMaximum);
}

std::optional<ModeChange> observe(ModeState& state, const ModeSettings& settings, bool good) {
    constexpr int most = std::numeric_limits<int>::max() - 1;
    state.good = good ? std::min(state.good, most) + 1 : 0;
    state.bad = good ? 0 : std::min(state.bad, most) + 1;

    const bool risen = state.good >= settings.rise;
    const bool fallen = state.bad >= settings.fall;
    const std::string failures = std::to_string(state.bad) + " failed probes in a row";
    switch (state.mode) {
    case Mode::online:
        if (fallen)
            return ModeChange{Mode::standIn, failures};
        if (!good)
            return ModeChange{Mode::suspect, "a failed probe"};
        break;
    case Mode::suspect:
        if (fallen)
            return ModeChange{Mode::standIn, failures};
        if (risen)
            return ModeChange{Mode::online, "probes are good again"};
        break;
    case Mode::standIn:
        if (risen && state.sinceChange >= dwell(settings, state.recentEpisodes))
            return ModeChange{Mode::recovering, "probes are good again"};
        break;
    case Mode::recovering:
        if (fallen)
            return ModeChange{Mode::standIn, failures};
        break;
    case Mode::forcedOnline:
    case Mode::forcedStandIn:
        break;
    }
    return std::nullopt;
}

std::optional<ModeChange> drained(const ModeState& state) {
    if (state.mode != Mode::recovering || state.bad > 0)
        return std::nullopt;
    return ModeChange{Mode::online, "the backlog is drained"};
}

} // namespace standin::core
