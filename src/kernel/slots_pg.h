#pragma once

#include <chrono>

#include "kernel/registry_pg.h"

namespace standin::kernel {

// Who gets a process when max_worker_processes allows fewer than are wanted, in all databases together.

/// Microseconds of a clock that nobody sets and that all processes share: what is measured by it survives a correction
/// of the time of day.
int64_t monotonicNow();

constexpr int64_t microseconds(std::chrono::microseconds time) { return time.count(); }

/// Whether the worker may take a process now: nobody of a better rank, and nobody of its rank who came earlier, waits.
bool isItsTurn(int slot);

/// Marks the worker as one that waits for a process (its place among those who wait stays), or no longer does.
void setWaiting(int slot, bool waiting);

enum class Room {
    notNeeded, ///< nobody waits
    coming,    ///< as many leave as wait, or one has just left
    none,      ///< nobody can leave
};

/// Asks executors to leave, as many as there are workers that wait and never more: idle ones first. For a worker of a
/// better rank a busy one leaves too, at once if it finds no safe point in time; what its transaction did is undone and
/// done again later. For another executor a busy one leaves between two steps, after it has had its turn.
Room makeRoom();

/// Sets the latches of supervisors and launcher whose workers wait. Call under the lock.
void wakeThoseWhoWait();

/// A line of the server's log.
void reportFullRegistry();

} // namespace standin::kernel
