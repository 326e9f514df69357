#include <map>

#include "base/backoff.h"
#include "kernel/database_place_pg.h"
#include "kernel/instance.h"
#include "kernel/processes_pg.h"
#include "kernel/registry_pg.h"

extern "C" {
#include <commands/extension.h>
}

namespace standin::kernel {

namespace {

using namespace std::chrono_literals;

constexpr auto cleanInterval = 200ms; // from one start to the next of a worker that ends because it is outdated
constexpr auto proven = 10s;          // a worker that lived this long did not bring the server down

struct Wanted {
    std::string kind;
    std::string key;
    Oid role;
    bool canLogin;
    bool outward;
};

struct Configuration {
    bool extension = false;
    std::string version;
    std::optional<std::string> refusal; ///< of the instance guard
    std::vector<Wanted> workers;
};

/// What the supervisor knows of a worker beyond its slot.
struct Child {
    BackgroundWorkerHandle* handle = nullptr;
    int slot = -1;
    int failures = 0;
    TimestampTz notBefore = 0;
    TimestampTz startedAt = 0;
    bool marked = false; ///< the committed mark "started" exists
    bool wanted = false;
};

using Name = std::pair<std::string, std::string>; // kind, key

class SupervisorLoop {
public:
    void run();

private:
    Configuration readConfiguration();
    void holdBackSuspects();
    void reconcile(const Configuration& configuration);
    void reap(const Name& name, Child& child);
    void startIfDue(const Wanted& wanted, Child& child, const Configuration& configuration);
    bool launch(const Wanted& wanted, Child& child);
    void stopAll();
    long nextWake() const;
    bool mustStop() const;
    int freeSlot(const Wanted& wanted);
    void show(const Child& child, std::string_view state, std::string_view detail);

    Transactions transactions_;
    std::map<Name, Child> children_;
};

bool SupervisorLoop::mustStop() const { return stopRequested() || databaseIsHeld(); }

Configuration SupervisorLoop::readConfiguration() {
    return transactions_.transactionAsIs([&] {
        Configuration configuration;
        configuration.extension = OidIsValid(pg::call([] { return get_extension_oid("pg_standin", true); }));
        if (!configuration.extension)
            return configuration;
        const pg::OwnerScope owner;
        const pg::Spi spi;
        static pg::Statement versionOf("SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'pg_standin'");
        configuration.version = versionOf.run()[0].get<std::string>(0);
        if (configuration.version != STANDIN_VERSION)
            return configuration;
        configuration.refusal = instanceRefusal();
        static pg::Statement wanted(
            "SELECT kind, key, role, rolcanlogin, outward FROM standin_private.worker_wanted ORDER BY kind, key");
        for (const pg::Row row : wanted.run())
            configuration.workers.push_back({row.get<std::string>(0), row.get<std::string>(1),
                                             row.optional<Oid>(2).value_or(InvalidOid), row.get<bool>(3),
                                             row.get<bool>(4)});
        return configuration;
    });
}

// A mark that is still there when the supervisor starts belongs to a worker that was young when the server (or the
// supervisor) died: perhaps it was the cause. It waits, longer each time, while the others start.
void SupervisorLoop::holdBackSuspects() {
    transactions_.transaction([&] {
        static pg::Statement suspects(
            "UPDATE standin_private.worker_mark SET crashes = crashes + 1 RETURNING kind, key, crashes");
        for (const pg::Row row : suspects.run()) {
            Child& child = children_[{row.get<std::string>(0), row.get<std::string>(1)}];
            child.marked = true;
            child.failures = row.get<int32_t>(2) - 1;
            child.notBefore = GetCurrentTimestamp() + exponentialBackoff(child.failures, 1s, 60s).count() * 1000;
        }
    });
}

int SupervisorLoop::freeSlot(const Wanted& wanted) {
    const RegistryLock lock(LW_EXCLUSIVE);
    for (int i = 0; i < maxWorkers; ++i) {
        WorkerSlot& slot = registry().workers[i];
        if (slot.used)
            continue;
        slot = {.used = true, .database = MyDatabaseId, .role = wanted.role, .outward = wanted.outward};
        copyText(slot.kind, wanted.kind);
        copyText(slot.key, wanted.key);
        return i;
    }
    return -1;
}

void SupervisorLoop::show(const Child& child, std::string_view state, std::string_view detail) {
    const RegistryLock lock(LW_EXCLUSIVE);
    WorkerSlot& slot = registry().workers[child.slot];
    if (state != slot.state)
        slot.since = GetCurrentTimestamp();
    copyText(slot.state, state);
    copyText(slot.detail, detail);
    slot.restarts = child.failures;
}

/// Looks whether the child still runs, and draws the consequences if not.
void SupervisorLoop::reap(const Name& name, Child& child) {
    if (!child.handle)
        return;
    pid_t pid = 0;
    const BgwHandleStatus status = pg::call([&] { return GetBackgroundWorkerPid(child.handle, &pid); });
    const TimestampTz now = GetCurrentTimestamp();
    const bool lived = now - child.startedAt >= std::chrono::microseconds(proven).count();
    const bool stopped = status == BGWH_STOPPED;
    if (!stopped && !(lived && child.marked))
        return;
    bool clean = true;
    if (stopped) {
        pfree(child.handle);
        child.handle = nullptr;
        const RegistryLock lock(LW_SHARED);
        clean = registry().workers[child.slot].clean;
    }
    if (lived || clean)
        child.failures = 0;
    if (stopped) {
        child.failures += clean ? 0 : 1;
        child.notBefore = clean
                              ? child.startedAt + std::chrono::microseconds(cleanInterval).count()
                              : now + std::chrono::microseconds(exponentialBackoff(child.failures, 500ms, 60s)).count();
        show(child, clean ? "stopped" : "crashed", clean ? "" : "restarts with exponential back-off");
    }
    // The server is alive, so this worker did not bring it down.
    if (child.marked) {
        transactions_.transaction([&] {
            static pg::Statement unmark("DELETE FROM standin_private.worker_mark WHERE kind = $1 AND key = $2");
            unmark.run(name.first, name.second);
        });
        child.marked = false;
    }
}

bool SupervisorLoop::launch(const Wanted& wanted, Child& child) {
    transactions_.transaction([&] {
        static pg::Statement mark(
            "INSERT INTO standin_private.worker_mark (kind, key, started_at) VALUES ($1, $2, clock_timestamp()) "
            "ON CONFLICT (kind, key) DO UPDATE SET started_at = excluded.started_at");
        mark.run(wanted.kind, wanted.key);
        ForceSyncCommit();
    });
    {
        const RegistryLock lock(LW_EXCLUSIVE);
        registry().workers[child.slot].clean = false;
    }
    child.marked = true;
    child.startedAt = GetCurrentTimestamp();
    const std::string type = "pg_standin " + wanted.kind;
    BackgroundWorker process = describeProcess("standin_worker_main", type.c_str(), (type + " " + wanted.key).c_str());
    process.bgw_main_arg = Int32GetDatum(child.slot);
    child.handle = startProcess(process);
    return child.handle != nullptr;
}

void SupervisorLoop::startIfDue(const Wanted& wanted, Child& child, const Configuration& configuration) {
    if (child.handle)
        return;
    if (child.slot < 0)
        child.slot = freeSlot(wanted);
    if (child.slot < 0)
        return; // the registry is full: stat_worker has no place to say so, preflight() does
    if (wanted.outward && configuration.refusal)
        return show(child, "refused", *configuration.refusal);
    if (!wanted.canLogin)
        return show(child, "refused", "the role is not permitted to log in");
    const TimestampTz now = GetCurrentTimestamp();
    if (now < child.notBefore) {
        if (child.failures > 0 && child.startedAt == 0)
            show(child, "held", "was starting when the server went down");
        return;
    }
    if (!launch(wanted, child)) {
        child.notBefore = now + 5 * USECS_PER_SEC;
        show(child, "no_slot", "no free background worker: increase max_worker_processes");
    }
}

void SupervisorLoop::reconcile(const Configuration& configuration) {
    for (auto& [name, child] : children_)
        child.wanted = false;
    for (const Wanted& wanted : configuration.workers) {
        Child& child = children_[{wanted.kind, wanted.key}];
        child.wanted = true;
        reap({wanted.kind, wanted.key}, child);
        if (child.handle && wanted.outward && configuration.refusal)
            TerminateBackgroundWorker(child.handle);
        startIfDue(wanted, child, configuration);
    }
    for (auto it = children_.begin(); it != children_.end();) {
        auto& [name, child] = *it;
        if (child.wanted) {
            ++it;
            continue;
        }
        if (child.handle)
            TerminateBackgroundWorker(child.handle);
        reap(name, child);
        if (child.handle) {
            ++it; // still on its way out: the postmaster sets our latch when it is gone
            continue;
        }
        if (child.slot >= 0) {
            const RegistryLock lock(LW_EXCLUSIVE);
            registry().workers[child.slot] = {};
        }
        it = children_.erase(it);
    }
}

void SupervisorLoop::stopAll() {
    for (auto& [name, child] : children_)
        if (child.handle)
            TerminateBackgroundWorker(child.handle);
    for (auto& [name, child] : children_)
        if (child.handle)
            pg::call([&] { WaitForBackgroundWorkerShutdown(child.handle); });
}

long SupervisorLoop::nextWake() const {
    long wait = 60000;
    const TimestampTz now = GetCurrentTimestamp();
    for (const auto& [name, child] : children_) {
        TimestampTz due = 0;
        if (!child.handle)
            due = child.notBefore;
        else if (child.marked)
            due = child.startedAt + std::chrono::microseconds(proven).count();
        if (due > 0)
            wait = std::min(wait, due > now ? static_cast<long>((due - now) / 1000 + 1) : 50L);
    }
    return wait;
}

void SupervisorLoop::run() {
    clearOrphans();
    bool firstTurn = true;
    while (!mustStop()) {
        const Configuration configuration = readConfiguration();
        if (!configuration.extension) {
            setExtensionState(ExtensionState::absent);
            break;
        }
        setExtensionState(ExtensionState::present);
        if (configuration.version != STANDIN_VERSION) {
            // The SQL objects and this library are of different versions: no worker may touch the tables.
            if (firstTurn)
                ereport(
                    LOG,
                    (errmsg("pg_standin library %s finds extension version %s and starts no worker", STANDIN_VERSION,
                            configuration.version.c_str()),
                     errhint("Run ALTER EXTENSION pg_standin UPDATE, or restart the server with the other library.")));
        } else if (firstTurn) {
            holdBackSuspects();
        }
        firstTurn = false;
        reconcile(configuration);
        pg::call([&] {
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, nextWake(),
                      pg::waitEventNew("StandinSupervisor"));
        });
        serveLatch();
    }
    stopAll();
}

} // namespace

} // namespace standin::kernel

extern "C" PGDLLEXPORT void standin_supervisor_main(Datum argument);

void standin_supervisor_main(Datum argument) {
    using namespace standin;
    using namespace standin::kernel;
    pg::entry([argument] {
        handleStopSignals();
        BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);
        pgstat_report_appname("pg_standin supervisor");
        if (!enterDatabase())
            return;
        before_shmem_exit(leaveDatabase, 0);
        SupervisorLoop().run();
    });
    proc_exit(0);
}
