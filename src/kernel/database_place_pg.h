#pragma once

#include "kernel/registry_pg.h"

namespace standin::kernel {

// A supervisor's place in the registry: one supervisor a database, and its workers go when it goes.

/// False if the database has a supervisor already, or is held.
bool enterDatabase();

/// A before_shmem_exit callback: frees the place and this database's slots, and tells workers to go that are left.
void leaveDatabase(int code, Datum argument);

/// Waits until workers of a supervisor that died before us are gone, and frees their slots.
void clearOrphans();

/// A command needs the database without our workers.
bool databaseIsHeld();

/// What the supervisor found when it had been woken so often; false if it was woken since, and is to look again.
bool setExtensionState(ExtensionState extension, uint32_t wakesSeen);

/// Shows in standin.stat_worker.
void setSupervisorDetail(const std::string& detail);

} // namespace standin::kernel
