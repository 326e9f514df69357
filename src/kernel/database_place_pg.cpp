#include "kernel/database_place_pg.h"

#include <signal.h>

#include "kernel/processes_pg.h"

namespace standin::kernel {

bool databaseIsHeld() {
    const RegistryLock lock(LW_EXCLUSIVE);
    const DatabaseState* state = databaseState(MyDatabaseId);
    return !state || state->holds > 0;
}

bool setExtensionState(ExtensionState extension, uint32_t wakesSeen) {
    const RegistryLock lock(LW_EXCLUSIVE);
    DatabaseState* state = databaseState(MyDatabaseId);
    if (!state || countOf(state->wakes) != wakesSeen)
        return false;
    state->extension = extension;
    return true;
}

void setSupervisorDetail(const std::string& detail) {
    const RegistryLock lock(LW_EXCLUSIVE);
    if (DatabaseState* state = databaseState(MyDatabaseId))
        copyText(state->detail, detail);
}

void leaveDatabase(int, Datum) {
    {
        const RegistryLock lock(LW_EXCLUSIVE);
        for (WorkerSlot& slot : registry().workers) {
            if (!slot.used || slot.database != MyDatabaseId)
                continue;
            if (slot.pid != 0)
                kill(slot.pid, SIGTERM);
            else
                slot = {};
        }
        if (DatabaseState* state = databaseState(MyDatabaseId)) {
            state->supervisor = 0;
            state->supervisorLatch = nullptr;
            state->since = GetCurrentTimestamp();
        }
        if (registry().launcher)
            SetLatch(registry().launcher);
    }
    ConditionVariableBroadcast(&registry().processGone);
}

void clearOrphans() {
    for (;;) {
        bool alive = false;
        {
            const RegistryLock lock(LW_EXCLUSIVE);
            for (WorkerSlot& slot : registry().workers) {
                if (!slot.used || slot.database != MyDatabaseId)
                    continue;
                if (slot.pid != 0) {
                    kill(slot.pid, SIGTERM);
                    alive = true;
                } else {
                    slot = {};
                }
            }
        }
        if (!alive || stopRequested())
            return;
        pg::call(
            [] { ConditionVariableTimedSleep(&registry().processGone, 1000, pg::waitEventNew("StandinOrphans")); });
        pg::call([] { ConditionVariableCancelSleep(); });
        serveLatch();
    }
}

bool enterDatabase() {
    const RegistryLock lock(LW_EXCLUSIVE);
    DatabaseState* state = databaseState(MyDatabaseId);
    if (!state || state->supervisor != 0 || state->holds > 0)
        return false;
    state->supervisor = MyProcPid;
    state->supervisorLatch = MyLatch;
    state->since = GetCurrentTimestamp();
    state->waiting = false;
    state->detail[0] = '\0';
    return true;
}

} // namespace standin::kernel
