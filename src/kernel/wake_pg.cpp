#include "kernel/commit_hook.h"
#include "kernel/registry_pg.h"
#include "kernel/wake.h"
#include "pg/wait.h"

namespace standin::kernel {

namespace {

constexpr const char* channelNames[] = {"supervisor", "cdc",    "prober", "replay",
                                        "executor",   "outbox", "ticket", "claim"};
static_assert(std::size(channelNames) == static_cast<size_t>(Channel::count));

constexpr uint32_t bit(Channel channel) { return 1U << static_cast<uint8_t>(channel); }

uint32_t announced = 0; // channels to wake when this transaction commits

void wake(uint32_t channels) {
    const RegistryLock lock(LW_SHARED);
    Registry& shared = registry();
    if (channels & bit(Channel::supervisor))
        for (const DatabaseState& state : shared.databases)
            if (state.database == MyDatabaseId && state.supervisorLatch)
                SetLatch(state.supervisorLatch);
    for (const WorkerSlot& slot : shared.workers)
        if (slot.latch && slot.database == MyDatabaseId && (slot.channels & channels))
            SetLatch(slot.latch);
    for (int i = 0; i < shared.waitersUsed; ++i) {
        const Waiter& waiter = shared.waiters[i];
        if (waiter.latch && waiter.database == MyDatabaseId && (waiter.channels & channels))
            SetLatch(waiter.latch);
    }
}

void wakeAnnounced(TransactionEnd end) noexcept {
    const uint32_t channels = announced;
    announced = 0;
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
