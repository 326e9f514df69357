#include "kernel/slots_pg.h"

#include <algorithm>
#include <signal.h>

namespace standin::kernel {

namespace {

using namespace std::chrono_literals;

constexpr int64_t grace = microseconds(2s);   // to reach a safe point, before a better rank's need ends a transaction
constexpr int64_t turn = microseconds(1s);    // what a busy executor may run before it leaves for another one
constexpr int64_t leaving = microseconds(1s); // a process gives up its place in the registry before it is gone

struct Demand {
    int better = 0;    ///< waiting workers that executors must leave for
    int executors = 0; ///< waiting executors
    int asked = 0;     ///< executors on their way out
};

Demand demand() {
    Demand seen;
    Registry& shared = registry();
    for (const DatabaseState& state : shared.databases)
        seen.better += state.waiting ? 1 : 0;
    for (int i = 0; i < shared.workersUsed; ++i) {
        const WorkerSlot& slot = shared.workers[i];
        if (!slot.used)
            continue;
        if (slot.waitingSince != 0)
            ++(slot.rank == Rank::executor ? seen.executors : seen.better);
        if (slot.pid != 0 && slot.askedAt != 0)
            ++seen.asked;
    }
    return seen;
}

bool isIdle(const WorkerSlot& slot) { return strcmp(slot.state, "idle") == 0; }

/// The executor to leave next: an idle one, else the one that has run longest; nullptr if none has run for `least`.
WorkerSlot* nextToLeave(int64_t now, int64_t least) {
    Registry& shared = registry();
    WorkerSlot* chosen = nullptr;
    for (int i = 0; i < shared.workersUsed; ++i) {
        WorkerSlot& slot = shared.workers[i];
        if (!slot.used || slot.rank != Rank::executor || slot.pid == 0 || slot.askedAt != 0)
            continue;
        if (!isIdle(slot) && now - slot.startedAt < least)
            continue;
        if (!chosen || isIdle(slot) > isIdle(*chosen) ||
            (isIdle(slot) == isIdle(*chosen) && slot.startedAt < chosen->startedAt))
            chosen = &slot;
    }
    return chosen;
}

/// Ends those that a better rank has waited for long enough.
void insist(int64_t now, int count) {
    Registry& shared = registry();
    for (int i = 0; i < shared.workersUsed && count > 0; ++i) {
        WorkerSlot& slot = shared.workers[i];
        if (!slot.used || slot.pid == 0 || slot.askedAt == 0)
            continue;
        --count;
        if (slot.told || now - slot.askedAt < grace)
            continue;
        slot.told = true;
        kill(slot.pid, SIGTERM);
    }
}

} // namespace

int64_t monotonicNow() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

bool isItsTurn(int index) {
    const RegistryLock lock(LW_SHARED);
    const Registry& shared = registry();
    const WorkerSlot& own = shared.workers[index];
    if (own.rank > Rank::supervisor &&
        std::any_of(std::begin(shared.databases), std::end(shared.databases),
                    [](const DatabaseState& state) { return state.waiting; }))
        return false;
    for (int i = 0; i < shared.workersUsed; ++i) {
        const WorkerSlot& other = shared.workers[i];
        if (i == index || !other.used || other.waitingSince == 0)
            continue;
        const bool earlier = own.waitingSince == 0 || other.waitingSince < own.waitingSince;
        if (other.rank < own.rank || (other.rank == own.rank && earlier))
            return false;
    }
    return true;
}

void setWaiting(int index, bool waiting) {
    const RegistryLock lock(LW_EXCLUSIVE);
    WorkerSlot& slot = registry().workers[index];
    if (!waiting)
        slot.waitingSince = 0;
    else if (slot.waitingSince == 0)
        slot.waitingSince = monotonicNow();
}

Room makeRoom() {
    const RegistryLock lock(LW_EXCLUSIVE);
    const int64_t now = monotonicNow();
    Demand seen = demand();
    if (seen.better + seen.executors == 0)
        return Room::notNeeded;
    insist(now, seen.better);
    if (now - registry().roomMadeAt < leaving)
        return Room::coming;
    while (seen.asked < seen.better + seen.executors) {
        WorkerSlot* slot = nextToLeave(now, seen.asked < seen.better ? 0 : turn);
        if (!slot)
            break;
        slot->askedAt = now;
        if (slot->latch)
            wakeUp(slot->latch, slot->wakes);
        ++seen.asked;
    }
    return seen.asked > 0 ? Room::coming : Room::none;
}

void reportFullRegistry() {
    pg::call([] {
        ereport(LOG, (errmsg("pg_standin has no place for more workers"),
                      errdetail("There are %d places, of which executors get %d.", maxWorkers, maxExecutors)));
    });
}

void wakeThoseWhoWait() {
    Registry& shared = registry();
    for (const DatabaseState& state : shared.databases)
        if (state.waiting && shared.launcher)
            SetLatch(shared.launcher);
    for (int i = 0; i < shared.workersUsed; ++i) {
        if (!shared.workers[i].used || shared.workers[i].waitingSince == 0)
            continue;
        for (DatabaseState& state : shared.databases)
            if (state.database == shared.workers[i].database && state.supervisorLatch)
                wakeUp(state.supervisorLatch, state.wakes);
    }
}

} // namespace standin::kernel
