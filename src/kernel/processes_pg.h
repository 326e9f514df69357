#pragma once

#include "pg/postgres.h"

namespace standin::kernel {

// The kernel's own parts, set up by init(). Rooms have no business here.

void initWake();
void initDatabaseHolds();
void registerLauncher();

/// SIGTERM for the kernel's processes: a flag and the latch; inside a transaction also what `die` does, so that a lock
/// wait or a long statement ends.
void handleStopSignals();
bool stopRequested();
void setInsideTransaction(bool inside);

/// ResetLatch, interrupts, configuration reload, after any wait.
void serveLatch();

/// Marks the database as one to be looked at again, at commit (CREATE EXTENSION).
void announceExtensionAtCommit();

} // namespace standin::kernel
