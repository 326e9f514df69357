#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "standin/mode.h"

namespace standin::core {

// All of these run in the caller's transaction, inside pg::OwnerScope with SPI connected.

/// Counts a probe, or a live call that told as much, for all capabilities of a core, and changes modes that follow from
/// it. True if a mode changed.
bool observeCore(const std::string& core, bool good, std::string_view failure);

/// Brings capabilities that are recovering and have no transaction left back online. True if a mode changed.
bool finishRecovery(const std::string& core);

/// An operator's switch; without capability, of all of them. Returns the highest epoch.
int64_t switchCore(const std::string& core, Mode mode, const std::string& reason,
                   const std::optional<std::string>& capability);

} // namespace standin::core
