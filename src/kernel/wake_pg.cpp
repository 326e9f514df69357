#include <algorithm>
#include <span>
#include <utility>

#include "kernel/commit_hook.h"
#include "kernel/registry_pg.h"
#include "kernel/wake.h"
#include "pg/wait.h"

namespace standin::kernel {

namespace {

constexpr const char* channelNames[] = {"supervisor", "cdc",    "prober", "replay",     "executor",
                                        "outbox",     "ticket", "claim",  "dispatcher", "schedule"};
static_assert(std::size(channelNames) == static_cast<size_t>(Channel::count));

constexpr uint32_t bit(Channel channel) { return 1U << static_cast<uint8_t>(channel); }

uint32_t announced = 0; // channels to wake when this transaction commits

constexpr int maxRoles = 8;
struct {
    Channel channel;
    Oid role;
} announcedRoles[maxRoles];
int announcedRoleCount = 0; // above maxRoles: all are woken

void wake(uint32_t channels) {
    const RegistryLock lock(LW_SHARED);
    Registry& shared = registry();
    if (channels & bit(Channel::supervisor))
        for (DatabaseState& state : shared.databases)
            if (state.database == MyDatabaseId && state.supervisorLatch)
                wakeUp(state.supervisorLatch, state.wakes);
    for (WorkerSlot& slot : std::span(shared.workers, shared.workersUsed))
        if (slot.latch && slot.database == MyDatabaseId && (slot.channels & channels))
            wakeUp(slot.latch, slot.wakes);
    for (int i = 0; i < shared.waitersUsed; ++i) {
        const Waiter& waiter = shared.waiters[i];
        if (waiter.latch && waiter.database == MyDatabaseId && (waiter.channels & channels))
            SetLatch(waiter.latch);
    }
}

/// Whether the role's worker is there, or known to the supervisor as one that waits for a process.
bool wakeWorkerOf(Channel channel, Oid role) {
    const RegistryLock lock(LW_SHARED);
    for (WorkerSlot& slot : std::span(registry().workers, registry().workersUsed)) {
        if (!slot.used || slot.database != MyDatabaseId || slot.role != role)
            continue;
        if (slot.waitingSince != 0)
            return true;
        if (slot.latch && (slot.channels & bit(channel))) {
            wakeUp(slot.latch, slot.wakes);
            return true;
        }
    }
    return false;
}

void wakeAnnouncedRoles(bool committed) {
    const int count = std::exchange(announcedRoleCount, 0);
    if (!committed)
        return;
    for (int i = 0; i < std::min(count, maxRoles); ++i)
        if (!wakeWorkerOf(announcedRoles[i].channel, announcedRoles[i].role))
            wake(bit(Channel::supervisor));
    if (count > maxRoles)
        wake(bit(Channel::supervisor) | bit(Channel::executor));
}

void wakeAnnounced(TransactionEnd end) noexcept {
    const uint32_t channels = announced;
    announced = 0;
    if (announcedRoleCount != 0)
        wakeAnnouncedRoles(end == TransactionEnd::Commit);
    if (channels != 0 && end == TransactionEnd::Commit)
        wake(channels);
}

// A client that is terminated while it waits leaves through proc_exit, past every destructor.
void forgetWaitersOfThisProcess(int, Datum) {
    const RegistryLock lock(LW_EXCLUSIVE);
    for (Waiter& waiter : registry().waiters)
        if (waiter.latch == MyLatch)
            waiter = {};
}

} // namespace

std::optional<Channel> channelByName(std::string_view name) {
    for (size_t i = 0; i < std::size(channelNames); ++i)
        if (name == channelNames[i])
            return static_cast<Channel>(i);
    return std::nullopt;
}

void wakeAtCommit(Channel channel) { announced |= bit(channel); }

void wakeRoleAtCommit(Channel channel, unsigned role) {
    const int known = std::min(announcedRoleCount, maxRoles);
    for (int i = 0; i < known; ++i)
        if (announcedRoles[i].channel == channel && announcedRoles[i].role == role)
            return;
    if (known < maxRoles)
        announcedRoles[known] = {channel, role};
    announcedRoleCount = known + 1;
}

void wakeNow(Channel channel) { wake(bit(channel)); }

CommitWaiter::CommitWaiter(Channel channel) : slot_(-1) {
    static bool exitCallbackRegistered = false;
    if (!exitCallbackRegistered) {
        pg::call([] { before_shmem_exit(forgetWaitersOfThisProcess, 0); });
        exitCallbackRegistered = true;
    }
    const RegistryLock lock(LW_EXCLUSIVE);
    Registry& shared = registry();
    for (int i = 0; i < maxWaiters && slot_ < 0; ++i) {
        if (shared.waiters[i].latch)
            continue;
        shared.waiters[i] = {MyLatch, MyDatabaseId, bit(channel)};
        if (i >= shared.waitersUsed)
            shared.waitersUsed = i + 1;
        slot_ = i;
    }
}

CommitWaiter::~CommitWaiter() {
    if (slot_ < 0)
        return;
    const RegistryLock lock(LW_EXCLUSIVE);
    registry().waiters[slot_] = {};
}

bool CommitWaiter::wait(std::chrono::milliseconds timeout) {
    using namespace std::chrono_literals;
    static const uint32_t waitEvent = pg::waitEventNew("StandinCommitWait");
    // With more than maxWaiters sessions waiting the surplus look again ten times a second.
    if (slot_ < 0)
        return pg::waitLatch(std::min<std::chrono::milliseconds>(timeout, 100ms), waitEvent) !=
                   pg::WaitResult::Timeout ||
               timeout > 100ms;
    return pg::waitLatch(timeout, waitEvent) != pg::WaitResult::Timeout;
}

void initWake() { onTransactionEnd(wakeAnnounced); }

} // namespace standin::kernel
