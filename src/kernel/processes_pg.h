#pragma once

#include "pg/postgres.h"

extern "C" {
#include <postmaster/bgworker.h>
}

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

/// PostgreSQL code. Ends the transaction of a background process, with nobody's rights unless the process belongs to a
/// role: what users have deferred to the commit (triggers, cursors) runs then, and must not find the product's rights.
/// The one way in which processes of the product commit.
void commitTransaction();

/// A process of the product is connected as the bootstrap superuser. Code of users that it runs under their roles would
/// still find that superuser as its session_user, and pass every check that asks for it. Needs the extension.
void becomeOwner();

/// ResetLatch, interrupts, configuration reload, after any wait.
void serveLatch();

/// A process of the product: not before recovery has ended, hence never on a standby and at once after a promotion, and
/// not restarted by the postmaster.
BackgroundWorker describeProcess(const char* function, const char* type, const char* name);

/// Starts a process that reports to this one; nullptr if no slot is free. The handle is palloc'ed for good.
BackgroundWorkerHandle* startProcess(BackgroundWorker process);

/// Marks the database as one to be looked at again, at commit (CREATE EXTENSION).
void announceExtensionAtCommit();

} // namespace standin::kernel
