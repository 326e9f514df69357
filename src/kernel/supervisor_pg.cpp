#include <algorithm>
#include <map>

#include "base/backoff.h"
#include "kernel/database_place_pg.h"
#include "kernel/instance.h"
#include "kernel/lock_wait_pg.h"
#include "kernel/processes_pg.h"
#include "kernel/slots_pg.h"
#include "pg/user_code.h"

extern "C" {
#include <commands/extension.h>
}

namespace standin::kernel {

namespace {

using namespace std::chrono_literals;

constexpr int64_t cleanInterval = microseconds(200ms); // between starts of a worker that ends because it is outdated
constexpr int64_t proven = microseconds(10s);          // a worker that lived this long did not bring the server down
constexpr long roomComes = 50;                         // milliseconds between looks for a process that is being given up
constexpr long roomMayCome = 1000;                     // and for one that others, not ours, may give up
constexpr long blockedRetry = 1000;                    // after 3 s of waiting for a lock
constexpr long restoredLook = 5000;                    // at a copy that is not adopted, and may be loading still

struct Wanted {
    std::string kind;
    std::string key;
    Rank rank;
    Oid role;
    bool outward;
    const char* refusal; ///< of its role; null if there is none
};

struct Configuration {
    bool extension = false;
    std::string version;
    std::optional<std::string> refusal;     ///< of the instance guard
    std::optional<std::string> foreignPart; ///< of a table of the product: what could run in its workers
    std::string detail;                     ///< of the supervisor itself
    std::vector<Wanted> workers;
};

/// What the supervisor knows of a worker beyond its slot.
struct Child {
    BackgroundWorkerHandle* handle = nullptr;
    int slot = -1;
    Oid role = InvalidOid; ///< that it was started as
    int failures = 0;
    int64_t notBefore = 0; ///< by the clock that nobody sets, as all times here
    int64_t startedAt = 0;
    bool marked = false; ///< the committed mark "started" exists
    bool wanted = false;
    Rank rank = Rank::executor;
};

using Name = std::pair<std::string, std::string>; // kind, key

Rank rankOf(std::string_view kind) {
    const WorkerKind* known = workerKind(kind);
    return known ? known->rank : Rank::executor;
}

class SupervisorLoop {
public:
    void run();

private:
    bool extensionExists();
    Configuration readConfiguration();
    void holdBackSuspects();
    void reconcile(const Configuration& configuration);
    void reap(const Name& name, Child& child);
    void startIfDue(const Wanted& wanted, Child& child, const Configuration& configuration);
    void await(const Wanted& wanted, const Child& child);
    void dropUnwanted();
    bool launch(const Wanted& wanted, Child& child);
    void unmark(const Name& name, Child& child);
    void stopAll();
    long nextWake() const;
    bool mustStop() const;
    bool turn(uint32_t wakes);
    void showBlocked(const pg::PgError& error);
    int freeSlot(const Wanted& wanted);
    void show(const Child& child, std::string_view state, std::string_view detail, bool notable = false);

    Transactions transactions_;
    std::map<Name, Child> children_;
    // Of this turn:
    int64_t begunAt_ = 0;
    bool full_ = false; // the server had no process to give
    int unplaced_ = 0;  // workers for which the registry has no place
    Room room_ = Room::notNeeded;
    bool blocked_ = false;
    bool begun_ = false;
    bool isCopy_ = false; // nobody adopted it
};

bool SupervisorLoop::mustStop() const { return stopRequested() || databaseIsHeld(); }

bool SupervisorLoop::extensionExists() {
    return transactions_.transactionAsIs(
        [] { return OidIsValid(pg::call([] { return get_extension_oid("pg_standin", true); })); });
}

const char* roleRefusal(const pg::Row& row) {
    const Oid role = row.optional<Oid>(2).value_or(InvalidOid);
    if (!row.get<bool>(3))
        return OidIsValid(role) ? "the role is not permitted to log in" : "the role does not exist";
    if (OidIsValid(role) && !pg::mayRunUserCode(role))
        return "workflows never run as a superuser or a role of pg_standin, nor as a member of one";
    return nullptr;
}

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
        static pg::Statement foreign("SELECT part FROM standin_private.foreign_parts() LIMIT 1");
        if (const pg::Rows parts = foreign.run(); !parts.empty())
            configuration.foreignPart = parts[0].get<std::string>(0);
        static pg::Statement clock("SELECT coalesce(standin_private.clock_watch(), '')");
        if (!configuration.foreignPart) // else a write would run it
            configuration.detail = clock.run()[0].get<std::string>(0);
        static pg::Statement wanted(
            "SELECT kind, key, role, rolcanlogin, outward FROM standin_private.worker_wanted ORDER BY kind, key");
        for (const pg::Row row : wanted.run())
            configuration.workers.push_back({row.get<std::string>(0), row.get<std::string>(1),
                                             rankOf(row.get<std::string>(0)),
                                             row.optional<Oid>(2).value_or(InvalidOid), row.get<bool>(4),
                                             roleRefusal(row)});
        configuration.refusal = instanceRefusal(); // after what it is about
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
            child.notBefore = monotonicNow() + microseconds(exponentialBackoff(child.failures, 1s, 60s));
        }
    });
}

int SupervisorLoop::freeSlot(const Wanted& wanted) {
    const RegistryLock lock(LW_EXCLUSIVE);
    const int free = freeWorkerSlot(wanted.rank);
    if (free < 0)
        return free;
    WorkerSlot& slot = registry().workers[free];
    slot = {.used = true, .rank = wanted.rank, .database = MyDatabaseId, .role = wanted.role, .outward = wanted.outward};
    copyText(slot.kind, wanted.kind);
    copyText(slot.key, wanted.key);
    return free;
}

/// What is notable is also a line of the server's log, once until it changes.
void SupervisorLoop::show(const Child& child, std::string_view state, std::string_view detail, bool notable) {
    WorkerSlot before;
    WorkerSlot after;
    {
        const RegistryLock lock(LW_EXCLUSIVE);
        WorkerSlot& slot = registry().workers[child.slot];
        before = slot;
        if (state != slot.state)
            slot.since = GetCurrentTimestamp();
        copyText(slot.state, state);
        copyText(slot.detail, detail);
        slot.restarts = child.failures;
        after = slot;
    }
    if (!notable || (strcmp(before.state, after.state) == 0 && strcmp(before.detail, after.detail) == 0))
        return;
    pg::call([&after] {
        ereport(LOG, errmsg("pg_standin worker \"%s %s\" is %s: %s", after.kind, after.key, after.state, after.detail));
    });
}

/// Looks whether the child still runs, and draws the consequences if not.
void SupervisorLoop::reap(const Name& name, Child& child) {
    if (!child.handle)
        return;
    pid_t pid = 0;
    const BgwHandleStatus status = pg::call([&] { return GetBackgroundWorkerPid(child.handle, &pid); });
    const int64_t now = monotonicNow();
    const bool lived = now - child.startedAt >= proven;
    const bool stopped = status == BGWH_STOPPED;
    if (!stopped && !(lived && child.marked))
        return;
    bool clean = true;
    bool gaveWay = false;
    if (stopped) {
        pfree(child.handle);
        child.handle = nullptr;
        const RegistryLock lock(LW_EXCLUSIVE);
        WorkerSlot& slot = registry().workers[child.slot];
        gaveWay = slot.askedAt != 0;
        clean = slot.clean || gaveWay;
        slot.askedAt = 0;
        wakeThoseWhoWait(); // now the process is gone
    }
    if (lived || clean)
        child.failures = 0;
    if (stopped) {
        child.failures += clean ? 0 : 1;
        child.notBefore = clean ? child.startedAt + cleanInterval
                                : now + microseconds(exponentialBackoff(child.failures, 500ms, 60s));
        show(child, clean ? "stopped" : "crashed",
             gaveWay ? "left its process to others"
             : clean ? ""
                     : "restarts with exponential back-off");
    }
    // The server is alive, so this worker did not bring it down.
    if (child.marked)
        unmark(name, child);
}

void SupervisorLoop::unmark(const Name& name, Child& child) {
    transactions_.transaction([&] {
        static pg::Statement unmark("DELETE FROM standin_private.worker_mark WHERE kind = $1 AND key = $2");
        unmark.run(name.first, name.second);
    });
    child.marked = false;
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
        WorkerSlot& slot = registry().workers[child.slot];
        slot.clean = false;
        slot.role = wanted.role;
        slot.askedAt = 0;
        slot.told = false;
        slot.startedAt = monotonicNow();
    }
    child.marked = true;
    child.role = wanted.role; // one that was dropped and made again is another
    child.startedAt = monotonicNow();
    const std::string type = "pg_standin " + wanted.kind;
    BackgroundWorker process = describeProcess("standin_worker_main", type.c_str(), (type + " " + wanted.key).c_str());
    process.bgw_main_arg = Int32GetDatum(child.slot);
    child.handle = startProcess(process);
    if (child.handle)
        return true;
    unmark({wanted.kind, wanted.key}, child); // it brought nothing down
    return false;
}

/// What a worker waits for that is due and has no process.
void SupervisorLoop::await(const Wanted& wanted, const Child& child) {
    setWaiting(child.slot, true);
    if (wanted.rank == Rank::executor)
        show(child, "no_slot", "waits for its turn: increase max_worker_processes for more roles at a time");
    else
        show(child, "no_slot", "no free background worker: increase max_worker_processes", true);
}

/// Why a worker must not run; empty if it may.
std::string refusalOf(const Wanted& wanted, const Configuration& configuration) {
    if (configuration.refusal)
        return *configuration.refusal;
    return wanted.refusal ? wanted.refusal : configuration.foreignPart.value_or("");
}

void SupervisorLoop::startIfDue(const Wanted& wanted, Child& child, const Configuration& configuration) {
    if (child.handle)
        return;
    if (child.slot < 0)
        child.slot = freeSlot(wanted);
    if (child.slot < 0)
        return void(++unplaced_); // stat_worker has no place to say so, preflight() does
    const std::string refusal = refusalOf(wanted, configuration);
    if (!refusal.empty() || monotonicNow() < child.notBefore) {
        setWaiting(child.slot, false);
        if (!refusal.empty())
            show(child, "refused", refusal, true);
        else if (child.failures > 0 && child.startedAt == 0)
            show(child, "held", "was starting when the server went down", true);
        return;
    }
    if (full_ || !isItsTurn(child.slot))
        return await(wanted, child);
    if (launch(wanted, child))
        return setWaiting(child.slot, false);
    full_ = true;
    await(wanted, child);
}

void SupervisorLoop::reconcile(const Configuration& configuration) {
    for (auto& [name, child] : children_)
        child.wanted = false;
    std::vector<std::pair<const Wanted*, Child*>> order;
    for (const Wanted& wanted : configuration.workers) {
        Child& child = children_[{wanted.kind, wanted.key}];
        child.wanted = true;
        child.rank = wanted.rank;
        reap({wanted.kind, wanted.key}, child);
        if (child.handle && (configuration.refusal || wanted.refusal || child.role != wanted.role))
            TerminateBackgroundWorker(child.handle);
        order.emplace_back(&wanted, &child);
    }
    dropUnwanted();
    // By rank; among equals whoever has been without a process longest.
    std::stable_sort(order.begin(), order.end(), [](const auto& left, const auto& right) {
        return std::pair(left.first->rank, left.second->startedAt) < std::pair(right.first->rank, right.second->startedAt);
    });
    begunAt_ = monotonicNow();
    full_ = false;
    const int unplacedBefore = std::exchange(unplaced_, 0);
    for (const auto& [wanted, child] : order)
        startIfDue(*wanted, *child, configuration);
    if (unplaced_ > 0 && unplacedBefore == 0)
        reportFullRegistry();
    room_ = makeRoom();
}

void SupervisorLoop::dropUnwanted() {
    for (auto it = children_.begin(); it != children_.end();) {
        auto& [name, child] = *it;
        if (child.wanted) {
            ++it;
            continue;
        }
        if (child.handle && child.rank != Rank::executor) // that one leaves by itself, after a while without work
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
    if (blocked_)
        return blockedRetry;
    long wait = room_ == Room::coming ? roomComes : room_ == Room::none ? roomMayCome : isCopy_ ? restoredLook : 60000;
    const int64_t now = monotonicNow();
    for (const auto& [name, child] : children_) {
        int64_t due = 0;
        if (!child.handle)
            due = child.notBefore;
        else if (child.marked)
            due = child.startedAt + proven;
        if (due > begunAt_) // what was due before has been tried
            wait = std::min(wait, static_cast<long>(std::max<int64_t>(due - now, 0) / 1000 + 1));
    }
    return wait;
}

/// False if there is no extension any more.
bool SupervisorLoop::turn(uint32_t wakes) {
    if (!begun_ && extensionExists())
        becomeOwner();
    const Configuration configuration = readConfiguration();
    if (!configuration.extension)
        return !setExtensionState(ExtensionState::absent, wakes);
    setExtensionState(ExtensionState::present, wakes);
    setSupervisorDetail(configuration.detail);
    if (configuration.version != STANDIN_VERSION) {
        // The SQL objects and this library are of different versions: no worker may touch the tables.
        if (!begun_)
            ereport(LOG,
                    (errmsg("pg_standin library %s finds extension version %s and starts no worker", STANDIN_VERSION,
                            configuration.version.c_str()),
                     errhint("Run ALTER EXTENSION pg_standin UPDATE, or restart the server with the other library.")));
    } else if (!begun_ && !configuration.foreignPart) {
        holdBackSuspects();
    }
    begun_ = true;
    isCopy_ = configuration.refusal.has_value();
    reconcile(configuration);
    return true;
}

/// A line of the log, once until it is over.
void SupervisorLoop::showBlocked(const pg::PgError& error) {
    std::string text = std::string("waits for a lock: ") + error.what();
    try {
        text = "waits for a lock: " + transactions_.transaction([] { return lockHolders({}, ""); });
    } catch (const pg::PgError&) { // who holds it stays unknown
    }
    setSupervisorDetail(text);
    if (!blocked_)
        pg::call([line = text.c_str()] { ereport(LOG, errmsg("pg_standin supervisor %s", line)); });
}

uint32_t supervisorWakes() {
    const RegistryLock lock(LW_SHARED);
    for (const DatabaseState& state : registry().databases)
        if (state.database == MyDatabaseId)
            return countOf(state.wakes);
    return 0;
}

void SupervisorLoop::run() {
    clearOrphans();
    while (!mustStop()) {
        const uint32_t wakes = supervisorWakes();
        try {
            if (!turn(wakes))
                break;
            blocked_ = false;
        } catch (const pg::PgError& error) {
            if (!error.is(ERRCODE_LOCK_NOT_AVAILABLE))
                throw;
            showBlocked(error);
            blocked_ = true;
        }
        pg::call([&] {
            const long timeout = supervisorWakes() == wakes ? nextWake() : 0;
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout,
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
        const pg::ServerSettings settings;
        BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);
        pg::setProcess(pg::Process::Product);
        settings.pin();
        pgstat_report_appname("pg_standin supervisor");
        if (!enterDatabase())
            return;
        before_shmem_exit(leaveDatabase, 0);
        SupervisorLoop().run();
    });
    proc_exit(0);
}
