#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "standin/connector/connector.h"
#include "standin/mode/mode.h"

namespace standin::core {

// All of these run in the caller's transaction, inside pg::OwnerScope with SPI connected.

/// Counts a probe, or a live call that told as much, for all capabilities of a core, and changes modes that follow from
/// it. True if a mode changed. A mode that a session has locked is left out.
bool observeCore(const std::string& core, bool good, std::string_view failure);

/// What a live call of a session says of the core: a failed one is a failed probe. Where no prober runs, an answered
/// one after that is a good probe: else three failures in a month would bring stand-in.
void observeCall(const std::string& core, const Answer& answer);

/// Brings capabilities that are recovering and have no transaction left that could be sent now back online. True if a
/// mode changed.
bool finishRecovery(const std::string& core);

/// Who keeps modes of the core from being changed (a switch that is not committed), in words; empty if nobody does.
std::string modeHolders(const std::string& core);

/// An operator's switch; without capability, of all of them. Returns the highest epoch.
int64_t switchCore(const std::string& core, Mode mode, const std::string& reason,
                   const std::optional<std::string>& capability);

} // namespace standin::core
