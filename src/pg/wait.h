#pragma once

#include <chrono>
#include <cstdint>

#include "pg/guard.h"

namespace standin::pg {

enum class WaitResult { Ready, Latch, Timeout };

/// Waits until a socket is ready, the latch is set, or the time is over. Interrupts are served, so a cancel or a
/// SIGTERM that `die` handles leaves from here as an error.
WaitResult waitSocket(int socket, bool forWrite, std::chrono::milliseconds timeout, uint32_t waitEvent);

/// The same without a socket.
WaitResult waitLatch(std::chrono::milliseconds timeout, uint32_t waitEvent);

} // namespace standin::pg
