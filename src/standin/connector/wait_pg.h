#pragma once

#include <chrono>
#include <vector>

#include "standin/connector/connector.h"

namespace standin::core {

/// Waits until one of the calls can go on, the latch is set, or the time is over; serves interrupts.
void waitForCalls(const std::vector<const Connector*>& calls, std::chrono::milliseconds atMost);

/// Sees one call through to its answer.
const Answer& complete(Connector& connector);

} // namespace standin::core
