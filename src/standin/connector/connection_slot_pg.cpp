#include "standin/connector/connection_slot_pg.h"

#include <algorithm>

#include "pg/guard.h"
#include "pg/shmem.h"

extern "C" {
#include <miscadmin.h>
#include <storage/condition_variable.h>
#include <storage/ipc.h>
#include <storage/spin.h>
}

namespace standin::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int coresMaximum = 256;

struct CoreSlots {
    Oid database;
    char core[64];
    int used;
    int waiting;
    ConditionVariable freed;
};

struct Slots {
    slock_t lock;
    CoreSlots cores[coresMaximum];
};

pg::Shared<Slots> shared("pg_standin connections", [](void* memory) {
    auto* fresh = static_cast<Slots*>(memory);
    memset(memory, 0, sizeof(Slots));
    SpinLockInit(&fresh->lock);
    for (CoreSlots& slots : fresh->cores)
        ConditionVariableInit(&slots.freed);
});

class SlotsLock {
public:
    SlotsLock() { SpinLockAcquire(&shared->lock); }
    ~SlotsLock() { SpinLockRelease(&shared->lock); }
    SlotsLock(const SlotsLock&) = delete;
    SlotsLock& operator=(const SlotsLock&) = delete;
};

// What this process has, for the end that runs no destructor.
int usedHere[coresMaximum];
int waitingHere[coresMaximum];

void giveBack(int index, int used, int waiting) {
    CoreSlots& slots = shared->cores[index];
    {
        const SlotsLock lock;
        slots.used -= used;
        slots.waiting -= waiting;
    }
    usedHere[index] -= used;
    waitingHere[index] -= waiting;
    ConditionVariableSignal(&slots.freed);
}

void giveAllBack(int, Datum) {
    for (int i = 0; i < coresMaximum; ++i)
        if (usedHere[i] != 0 || waitingHere[i] != 0)
            giveBack(i, usedHere[i], waitingHere[i]);
}

void giveBackAtExit() {
    static bool registered = false;
    if (!registered)
        pg::call([] { before_shmem_exit(giveAllBack, 0); });
    registered = true;
}

/// The core's entry, made if there is room; -1 if not. Under the lock.
int entry(const char* core) {
    int free = -1;
    for (int i = 0; i < coresMaximum; ++i) {
        CoreSlots& slots = shared->cores[i];
        if (slots.database == MyDatabaseId && strcmp(slots.core, core) == 0)
            return i;
        if (free < 0 && slots.used == 0 && slots.waiting == 0)
            free = i;
    }
    if (free < 0)
        return -1;
    shared->cores[free].database = MyDatabaseId;
    strlcpy(shared->cores[free].core, core, sizeof(CoreSlots::core));
    return free;
}

/// A process that waits has a place in the queue, which nobody passes who comes later.
class Queued {
public:
    explicit Queued(int index) : index_(index) {}
    ~Queued() { giveBack(index_, 0, 1); }
    Queued(const Queued&) = delete;
    Queued& operator=(const Queued&) = delete;

    bool take(int maximum) const {
        CoreSlots& slots = shared->cores[index_];
        const SlotsLock lock;
        if (slots.used >= maximum)
            return false;
        ++slots.used;
        ++usedHere[index_];
        return true;
    }

    void sleep(milliseconds atMost) const {
        static const uint32_t waitEvent = pg::waitEventNew("StandinCoreConnection");
        pg::call([&] {
            ConditionVariableTimedSleep(&shared->cores[index_].freed, static_cast<long>(atMost.count()), waitEvent);
        });
    }

private:
    int index_;
};

/// False if a place in the queue was taken instead; then, too, `index` is the core's, or -1 if there is no room for it.
bool takeOrQueue(const char* core, int maximum, int& index) {
    const SlotsLock lock;
    index = entry(core);
    if (index < 0)
        return false;
    CoreSlots& slots = shared->cores[index];
    const bool taken = slots.waiting == 0 && slots.used < maximum;
    ++(taken ? slots.used : slots.waiting);
    ++(taken ? usedHere : waitingHere)[index];
    return taken;
}

} // namespace

std::optional<ConnectionSlot> ConnectionSlot::take(const std::string& core, int maximum, milliseconds patience) {
    constexpr milliseconds look{1000}; // the maximum is raised without a word
    giveBackAtExit();
    const auto until = steady_clock::now() + patience;
    int index = -1;
    if (takeOrQueue(core.c_str(), maximum, index))
        return ConnectionSlot(index);
    if (index < 0)
        return std::nullopt;
    const Queued queued(index);
    pg::call([&] { ConditionVariablePrepareToSleep(&shared->cores[index].freed); });
    bool taken = false;
    while (!(taken = queued.take(maximum))) {
        const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
        if (left <= milliseconds(0))
            break;
        queued.sleep(std::min(left, look));
    }
    pg::call([] { ConditionVariableCancelSleep(); });
    if (!taken)
        return std::nullopt;
    return ConnectionSlot(index);
}

ConnectionSlot::~ConnectionSlot() {
    if (index_ >= 0 && usedHere[index_] > 0)
        giveBack(index_, 1, 0);
}

bool ConnectionSlot::mayStay(int maximum) const {
    const SlotsLock lock;
    const CoreSlots& slots = shared->cores[index_];
    return slots.waiting == 0 && slots.used * 2 <= maximum;
}

void initConnectionSlots() { shared.request(); }

} // namespace standin::core
