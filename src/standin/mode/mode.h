#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace standin::core {

enum class Mode { online, suspect, standIn, recovering, forcedOnline, forcedStandIn };

const char* name(Mode mode);
Mode modeByName(std::string_view name); ///< throws Error 22023

/// Who answers: the epoch rises exactly when this changes, so that a mere suspicion invalidates nobody's decision.
enum class Regime { core, standIn, draining };
Regime regime(Mode mode);

/// Whether transactions may be sent to the core.
inline bool sends(Mode mode) { return regime(mode) != Regime::standIn; }
/// Whether the stand-in rules decide.
inline bool decides(Mode mode) { return regime(mode) != Regime::core; }

struct ModeSettings {
    int rise = 2;
    int fall = 3;
    std::chrono::microseconds minimumDwell{};
};

struct ModeState {
    Mode mode = Mode::online;
    int good = 0; ///< good probes in a row
    int bad = 0;  ///< bad probes in a row
    std::chrono::microseconds sinceChange{};
    int recentEpisodes = 0; ///< episodes opened within the last hour, the present one included
};

struct ModeChange {
    Mode mode;
    std::string reason;
};

/// One probe, or one live call that told as much as a probe. Counts it in `state` and says what mode follows, if any.
std::optional<ModeChange> observe(ModeState& state, const ModeSettings& settings, bool good);

/// The end of recovering, once no transaction waits.
std::optional<ModeChange> drained(const ModeState& state);

/// How long stand-in lasts at least: the dwell grows with each episode of the last hour, which damps flapping.
std::chrono::microseconds dwell(const ModeSettings& settings, int recentEpisodes);

} // namespace standin::core
