#include <algorithm>
#include <map>

#include "base/backoff.h"
#include "kernel/commit_hook.h"
#include "kernel/processes_pg.h"
#include "kernel/slots_pg.h"
#include "pg/user_code.h"

extern "C" {
#include <access/genam.h>
#include <access/heapam.h>
#include <access/table.h>
#include <catalog/pg_database.h>
}

namespace standin::kernel {

namespace {

using namespace std::chrono_literals;

constexpr int64_t proven = microseconds(10s); // one that lived this long did not fail at its start
constexpr int64_t retry = microseconds(250ms); // for a process, while executors are asked to leave

struct Supervisor {
    BackgroundWorkerHandle* handle = nullptr;
    int failures = 0;
    int64_t startedAt = 0;
    int64_t notBefore = 0; ///< by the clock that nobody sets
};

std::vector<Oid> connectableDatabases() {
    std::vector<Oid> databases;
    databases.reserve(maxDatabases);
    pg::call([&databases] {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        PushActiveSnapshot(GetTransactionSnapshot());
        Relation relation = table_open(DatabaseRelationId, AccessShareLock);
        TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
        while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
            auto* database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
            if (database->datallowconn && !database->datistemplate && databases.size() < databases.capacity())
                databases.push_back(database->oid); // within capacity: allocates nothing, throws nothing
        }
        table_endscan(scan);
        table_close(relation, AccessShareLock);
        PopActiveSnapshot();
        commitTransaction();
    });
    return databases;
}

/// Whether a supervisor should run there: the extension is present, or nobody has looked yet.
bool wantsSupervisor(Oid database) {
    const RegistryLock lock(LW_EXCLUSIVE);
    const DatabaseState* state = databaseState(database);
    return state && state->holds == 0 && state->extension != ExtensionState::absent && state->supervisor == 0;
}

/// Returns what it was before.
bool setWaiting(Oid database, bool waiting) {
    const RegistryLock lock(LW_EXCLUSIVE);
    DatabaseState* state = databaseState(database);
    if (!state)
        return waiting;
    if (waiting && !state->waiting)
        state->since = GetCurrentTimestamp();
    return std::exchange(state->waiting, waiting);
}

void start(Oid database, Supervisor& supervisor) {
    const std::string name = "pg_standin supervisor of database " + std::to_string(database);
    BackgroundWorker process = describeProcess("standin_supervisor_main", "pg_standin supervisor", name.c_str());
    process.bgw_main_arg = ObjectIdGetDatum(database);
    supervisor.startedAt = monotonicNow();
    supervisor.handle = startProcess(process);
    const bool waits = !supervisor.handle;
    if (waits)
        supervisor.notBefore = monotonicNow() + retry;
    if (setWaiting(database, waits) == waits || !waits)
        return;
    pg::call([database] {
        ereport(LOG, (errmsg("pg_standin could not start the supervisor of database %u: no free worker slot", database),
                      errhint("Increase max_worker_processes.")));
    });
}

/// Databases that were dropped leave the registry.
void forgetAllBut(const std::vector<Oid>& databases) {
    const RegistryLock lock(LW_EXCLUSIVE);
    for (DatabaseState& state : registry().databases)
        if (OidIsValid(state.database) && state.supervisor == 0 && state.holds == 0 &&
            std::find(databases.begin(), databases.end(), state.database) == databases.end())
            state = {};
}

void tend(std::map<Oid, Supervisor>& supervisors) {
    const std::vector<Oid> databases = connectableDatabases();
    forgetAllBut(databases);
    for (const Oid database : databases) {
        Supervisor& supervisor = supervisors[database];
        if (supervisor.handle) {
            pid_t pid = 0;
            if (GetBackgroundWorkerPid(supervisor.handle, &pid) != BGWH_STOPPED)
                continue;
            pfree(supervisor.handle);
            supervisor.handle = nullptr;
            if (monotonicNow() - supervisor.startedAt >= proven)
                supervisor.failures = 0;
            if (wantsSupervisor(database)) { // it crashed, or a hold ended in between
                const auto delay = exponentialBackoff(++supervisor.failures, 100ms, 60s);
                supervisor.notBefore = monotonicNow() + microseconds(delay);
            } else {
                supervisor.failures = 0;
            }
        }
        if (!wantsSupervisor(database))
            setWaiting(database, false);
        else if (monotonicNow() >= supervisor.notBefore)
            start(database, supervisor);
    }
    makeRoom();
}

long untilNextStart(const std::map<Oid, Supervisor>& supervisors) {
    // Once a minute look for databases that came by another way than CREATE EXTENSION: from a template, by restore.
    long wait = 60000;
    const int64_t now = monotonicNow();
    for (const auto& [database, supervisor] : supervisors)
        if (!supervisor.handle && supervisor.notBefore > now)
            wait = std::min(wait, static_cast<long>((supervisor.notBefore - now) / 1000 + 1));
    return wait;
}

bool extensionAnnounced = false;

void onEnd(TransactionEnd end) noexcept {
    if (!extensionAnnounced)
        return;
    extensionAnnounced = false;
    if (end == TransactionEnd::Abort)
        return;
    const RegistryLock lock(LW_EXCLUSIVE);
    if (DatabaseState* state = databaseState(MyDatabaseId)) {
        state->extension = ExtensionState::unknown;
        if (state->supervisorLatch) // it has looked perhaps, and is about to say that there is none
            wakeUp(state->supervisorLatch, state->wakes);
    }
    if (registry().launcher)
        SetLatch(registry().launcher);
}

void forgetLauncher(int, Datum) { registry().launcher = nullptr; }

} // namespace

void announceExtensionAtCommit() { extensionAnnounced = true; }

void registerLauncher() {
    if (IsBinaryUpgrade) // pg_upgrade moves the database between two servers, and neither may change it
        return;
    onTransactionEnd(onEnd);
    BackgroundWorker process = describeProcess("standin_launcher_main", "pg_standin launcher", "pg_standin launcher");
    process.bgw_restart_time = 1;
    RegisterBackgroundWorker(&process);
}

} // namespace standin::kernel

extern "C" PGDLLEXPORT void standin_launcher_main(Datum argument);

void standin_launcher_main(Datum) {
    using namespace standin;
    using namespace standin::kernel;
    pg::entry([] {
        handleStopSignals();
        const pg::ServerSettings settings;
        BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
        pg::setProcess(pg::Process::Product);
        settings.pin();
        pgstat_report_appname("pg_standin launcher");
        before_shmem_exit(forgetLauncher, 0);
        registry().launcher = MyLatch;
        std::map<Oid, Supervisor> supervisors;
        while (!stopRequested()) {
            tend(supervisors);
            pg::call([&] {
                WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, untilNextStart(supervisors),
                          pg::waitEventNew("StandinLauncher"));
            });
            serveLatch();
        }
    });
    proc_exit(1); // 0 would tell the postmaster never to start it again: terminated, it must come back
}
