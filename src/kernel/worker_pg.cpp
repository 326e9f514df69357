#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "kernel/lock_wait_pg.h"
#include "kernel/processes_pg.h"
#include "kernel/slots_pg.h"
#include "pg/owner.h"
#include "pg/user_code.h"
#include "pg/wait.h"

extern "C" {
#include <postmaster/bgworker.h>
#include <postmaster/interrupt.h>
#include <storage/procsignal.h>
#include <tcop/tcopprot.h>
}

namespace standin::kernel {

namespace {

volatile sig_atomic_t insideTransaction = 0;

void onStopSignal(SIGNAL_ARGS) {
    const int savedErrno = errno;
    ShutdownRequestPending = true;
    SetLatch(MyLatch);
    errno = savedErrno;
    if (insideTransaction)
        die(postgres_signal_arg);
}

} // namespace

void handleStopSignals() {
    pqsignal(SIGTERM, onStopSignal);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();
}

bool stopRequested() { return ShutdownRequestPending; }

void setInsideTransaction(bool inside) { insideTransaction = inside; }

void serveLatch() {
    pg::call([] {
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (ConfigReloadPending) {
            ConfigReloadPending = false;
            ProcessConfigFile(PGC_SIGHUP);
        }
    });
}

Worker::Worker(std::string kind, std::string key, int slot)
    : kind_(std::move(kind)), key_(std::move(key)), slot_(slot) {
    const RegistryLock lock(LW_SHARED);
    const WorkerSlot& row = registry().workers[slot_];
    hasError_ = row.errorAt != 0 && row.recoveredAt == 0;
    wakesSeen_ = countOf(row.wakes);
}

bool Worker::stopping() const { return stopRequested(); }

bool Worker::askedToLeave() const { return registry().workers[slot_].askedAt != 0; }

void Worker::wait(std::chrono::milliseconds timeout, std::initializer_list<int> readable) {
    static const uint32_t waitEvent = pg::waitEventNew("StandinWorker");
    if (stopping())
        return;
    const uint32_t& wakes = registry().workers[slot_].wakes;
    if (countOf(wakes) != wakesSeen_)
        timeout = {};
    constexpr int wakeOn = WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH;
    if (readable.size() == 0) {
        pg::call([&] { WaitLatch(MyLatch, wakeOn, timeout.count(), waitEvent); });
    } else if (readable.size() == 1) {
        const int descriptor = *readable.begin();
        pg::call(
            [&] { WaitLatchOrSocket(MyLatch, wakeOn | WL_SOCKET_READABLE, descriptor, timeout.count(), waitEvent); });
    } else {
        pg::call([&] {
            WaitEventSet* set = pg::waitEventSetNew(static_cast<int>(readable.size()) + 2);
            AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
            AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
            for (const int descriptor : readable)
                AddWaitEventToSet(set, WL_SOCKET_READABLE, descriptor, nullptr, nullptr);
            WaitEvent event;
            WaitEventSetWait(set, timeout.count(), &event, 1, waitEvent);
            FreeWaitEventSet(set);
        });
    }
    serveLatch();
    wakesSeen_ = countOf(wakes);
}

void commitTransaction() {
    Oid user;
    int securityContext;
    GetUserIdAndSecContext(&user, &securityContext);
    if (pg::process() == pg::Process::Product) {
        // Where no database has the extension there may be no such role, and nothing of users that could be deferred.
        const bool mayBeMissing = GetSessionUserId() != get_role_oid(pg::ownerRole, true);
        const Oid nobody = get_role_oid(pg::nobodyRole, mayBeMissing);
        if (OidIsValid(nobody))
            SetUserIdAndSecContext(nobody, securityContext | SECURITY_LOCAL_USERID_CHANGE);
    }
    CommitTransactionCommand();
    SetUserIdAndSecContext(user, securityContext);
}

void becomeOwner() {
    pg::call([] {
        StartTransactionCommand();
        SetSessionAuthorization(get_role_oid(pg::ownerRole, false), false);
        commitTransaction();
    });
}

void Transactions::begin(void (*prepare)()) {
    setInsideTransaction(true);
    pg::call([prepare] {
        // A stop that came before the flag was up would otherwise wait for the end of this transaction: once more, with
        // it.
        if (ShutdownRequestPending)
            raise(SIGTERM);
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        prepare();
        pg::resetSettings();
        PushActiveSnapshot(GetTransactionSnapshot());
    });
}

void Transactions::commit() {
    pg::call([] {
        if (ActiveSnapshotSet())
            PopActiveSnapshot();
        commitTransaction();
        pgstat_report_stat(false);
    });
    setInsideTransaction(false);
}

void Transactions::abort() {
    pg::call([] {
        AbortCurrentTransaction();
        pgstat_report_stat(false);
    });
    setInsideTransaction(false);
}

void Worker::setState(std::string_view state, std::string_view detail) {
    {
        const RegistryLock lock(LW_EXCLUSIVE);
        WorkerSlot& slot = registry().workers[slot_];
        if (state != slot.state)
            slot.since = GetCurrentTimestamp();
        copyText(slot.state, state);
        copyText(slot.detail, detail);
    }
    logTrouble(state, detail);
    std::string activity(state);
    if (!detail.empty())
        activity.append(": ").append(detail);
    pgstat_report_activity(STATE_IDLE, activity.c_str());
}

void Worker::logTrouble(std::string_view state, std::string_view detail) {
    constexpr std::string_view troubles[] = {"retrying", "blocked", "troubled", "disconnected",
                                             "stalled",  "fenced",  "diverged"};
    constexpr std::string_view work[] = {"running", "paused", "idle", "done", "sending", "core answers"};
    const bool trouble = std::ranges::find(troubles, state) != std::end(troubles);
    if (trouble == inTrouble_ || (!trouble && std::ranges::find(work, state) == std::end(work)))
        return;
    inTrouble_ = trouble;
    std::string line = "pg_standin worker \"" + kind_ + " " + key_ + (trouble ? "\" cannot go on: " : "\" goes on: ");
    line.append(state).append(detail.empty() ? "" : ": ").append(detail);
    std::ranges::replace(line, '\n', ' ');
    pg::call([text = line.c_str()] { ereport(LOG, errmsg_internal("%s", text)); });
}

void Worker::setError(std::string_view sqlstate, std::string_view message) {
    const RegistryLock lock(LW_EXCLUSIVE);
    WorkerSlot& slot = registry().workers[slot_];
    copyText(slot.sqlstate, sqlstate);
    copyText(slot.error, message);
    slot.errorAt = GetCurrentTimestamp();
    slot.recoveredAt = 0;
    hasError_ = true;
}

void Worker::setErrorBeside(std::string_view sqlstate, std::string_view message) {
    if (!hasError_) {
        std::string line = "pg_standin worker \"" + kind_ + " " + key_ + "\" tries again: ";
        line.append(message);
        std::ranges::replace(line, '\n', ' ');
        pg::call([text = line.c_str()] { ereport(LOG, errmsg_internal("%s", text)); });
    }
    setError(sqlstate, message);
}

void Worker::recovered() {
    if (!hasError_)
        return;
    hasError_ = false;
    const RegistryLock lock(LW_EXCLUSIVE);
    registry().workers[slot_].recoveredAt = GetCurrentTimestamp();
}

void Worker::sawEnd() {
    const RegistryLock lock(LW_EXCLUSIVE);
    registry().workers[slot_].seenAt = GetCurrentTimestamp();
}

std::string Worker::holdersOf(const std::vector<int64_t>& tables, const std::string& ownTables) {
    try {
        return transaction([&] { return lockHolders(tables, ownTables); });
    } catch (const pg::PgError& error) {
        return std::string("nobody knows who holds it: ") + error.what();
    }
}

void Worker::showBlocked(const std::string& holders) {
    const std::string text = "waits for a lock" + (holders.empty() ? "" : ": " + holders);
    setError("55P03", text);
    setState("blocked", text);
}

namespace {

// Runs on every way out, FATAL included, which unwinds no C++ frame.
void leaveSlot(int code, Datum argument) {
    {
        const RegistryLock lock(LW_EXCLUSIVE);
        WorkerSlot& slot = registry().workers[DatumGetInt32(argument)];
        slot.pid = 0;
        slot.latch = nullptr;
        slot.clean = code == 0;
        slot.since = GetCurrentTimestamp();
        if (slot.askedAt != 0)
            registry().roomMadeAt = monotonicNow();
    }
    ConditionVariableBroadcast(&registry().processGone);
}

struct Assignment {
    bool valid;
    Oid database;
    Oid role;
    char kind[32];
    char key[128];
};

Assignment enterSlot(int index) {
    const RegistryLock lock(LW_EXCLUSIVE);
    WorkerSlot& slot = registry().workers[index];
    Assignment assignment{};
    if (!slot.used || slot.pid != 0)
        return assignment;
    slot.pid = MyProcPid;
    slot.latch = MyLatch;
    slot.clean = false;
    slot.since = GetCurrentTimestamp();
    copyText(slot.state, "starting");
    slot.detail[0] = '\0';
    slot.seenAt = 0;
    assignment = {.valid = true, .database = slot.database, .role = slot.role};
    copyText(assignment.kind, slot.kind);
    copyText(assignment.key, slot.key);
    return assignment;
}

void reportAndExit(Worker& worker, const char* sqlstate, const char* message) {
    worker.setError(sqlstate, message);
    const std::string shown = foreignText(message);
    pg::call([&] {
        ereport(LOG, (errcode(MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4])),
                      errmsg("pg_standin worker \"%s %s\" failed: %s", worker.kind().c_str(), worker.key().c_str(),
                             shown.c_str())));
    });
}

/// Returns the exit code.
int run(Worker& worker, WorkerMain main) {
    try {
        main(worker);
        return 0;
    } catch (const pg::PgError& error) {
        reportAndExit(worker, error.sqlstate().c_str(), error.what());
    } catch (const Error& error) {
        const std::string text = error.detail().empty() ? error.what() : error.what() + (": " + error.detail());
        reportAndExit(worker, error.sqlstate().c_str(), text.c_str());
    } catch (const std::bad_alloc&) {
        reportAndExit(worker, "53200", "out of memory");
    } catch (const std::exception& error) {
        reportAndExit(worker, "XX000", error.what());
    }
    return 1;
}

} // namespace

} // namespace standin::kernel

extern "C" PGDLLEXPORT void standin_worker_main(Datum argument);

void standin_worker_main(Datum argument) {
    using namespace standin;
    using namespace standin::kernel;
    const int slot = DatumGetInt32(argument);
    int code = 1;
    pg::entry([&] {
        handleStopSignals();
        const Assignment assignment = enterSlot(slot);
        if (!assignment.valid) {
            code = 0;
            return;
        }
        before_shmem_exit(leaveSlot, Int32GetDatum(slot));
        const pg::ServerSettings settings;
        BackgroundWorkerInitializeConnectionByOid(assignment.database, assignment.role, 0);
        pg::setProcess(OidIsValid(assignment.role) ? pg::Process::Role : pg::Process::Product);
        if (!OidIsValid(assignment.role)) {
            becomeOwner();
            settings.pin();
        }
        const std::string name = std::string("pg_standin ") + assignment.kind + " " + assignment.key;
        pgstat_report_appname(name.c_str());
        pg::pinSetting("application_name", name.c_str());

        const WorkerKind* kind = workerKind(assignment.kind);
        if (!kind)
            throw Error("XX000", std::string("the library knows no worker of kind ") + assignment.kind);
        {
            const RegistryLock lock(LW_EXCLUSIVE);
            registry().workers[slot].channels = 1U << static_cast<uint8_t>(kind->channel);
        }
        Worker worker(assignment.kind, assignment.key, slot);
        worker.setState("running");
        code = run(worker, kind->main);
    });
    proc_exit(code);
}
