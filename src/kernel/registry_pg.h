#pragma once

#include "kernel/worker.h"
#include "pg/guard.h"
#include "pg/postgres.h"

extern "C" {
#include <storage/condition_variable.h>
}

namespace standin::kernel {

// What all processes of the server share: which databases have the extension, which workers they want, who waits for
// commits. Plain structs under one LWLock; nothing here is the truth about money, all of it is rebuilt after a crash.

constexpr int maxDatabases = 1024;
constexpr int maxWorkers = 1024;
constexpr int maxExecutors = maxWorkers / 2; // a crowd of roles leaves places for what the bank needs
constexpr int maxWaiters = 1024;
constexpr int maxKinds = 16;

enum class ExtensionState : uint8_t { unknown, present, absent };

struct DatabaseState {
    Oid database;
    ExtensionState extension;
    int holds; ///< commands that need the database without our workers (DROP DATABASE, ALTER EXTENSION...)
    pid_t supervisor;
    Latch* supervisorLatch;
    uint32_t wakes; ///< of the supervisor, see wakeUp()
    TimestampTz since; ///< of the supervisor's state
    bool waiting;      ///< its supervisor waits for a process
    char detail[256];
};

struct WorkerSlot {
    bool used;
    Rank rank;
    Oid database;
    Oid role; ///< InvalidOid: the product's own worker
    bool outward;
    bool clean; ///< the last exit was a clean one
    char kind[32];
    char key[128];
    pid_t pid;
    Latch* latch;
    uint32_t wakes; ///< see wakeUp()
    uint32_t channels;
    // By the clock that nobody sets, see slots_pg.h; 0: no.
    int64_t startedAt;
    int64_t waitingSince; ///< it is due and there is no process for it
    int64_t askedAt;      ///< since when it is asked to leave for others
    bool told;            ///< it was sent the signal that ends it in the middle of what it does
    int32_t restarts;
    TimestampTz since; ///< of the state
    TimestampTz errorAt;
    TimestampTz recoveredAt; ///< when the worker went on after it
    TimestampTz seenAt;      ///< when it last knew how far what it reads goes
    char state[24];
    char detail[256];
    char sqlstate[6];
    char error[256];
};

struct Waiter {
    Latch* latch;
    Oid database;
    uint32_t channels;
};

struct Registry {
    LWLock lock;
    ConditionVariable processGone;
    Latch* launcher;
    int waitersUsed; ///< high-water marks
    int workersUsed;
    int64_t roomMadeAt; ///< when the last worker left for others
    DatabaseState databases[maxDatabases];
    WorkerSlot workers[maxWorkers];
    Waiter waiters[maxWaiters];
};

Registry& registry();
void requestRegistry();

/// A latch alone loses a wake-up that comes in the middle of work: whoever waits there, for a lock or for a core's
/// answer, resets it. So each is counted, too, and a process that was woken since its work began does not go to sleep.
inline void wakeUp(Latch* latch, uint32_t& wakes) {
    __atomic_fetch_add(&wakes, 1U, __ATOMIC_SEQ_CST);
    SetLatch(latch);
}
inline uint32_t countOf(const uint32_t& wakes) { return __atomic_load_n(&wakes, __ATOMIC_SEQ_CST); }

/// LWLock for a block of straight-line code. On ereport(ERROR) PostgreSQL's abort releases it, so nothing in the block
/// may throw a C++ exception that is then survived.
class RegistryLock {
public:
    explicit RegistryLock(LWLockMode mode) { LWLockAcquire(&registry().lock, mode); }
    ~RegistryLock() { LWLockRelease(&registry().lock); }
    RegistryLock(const RegistryLock&) = delete;
    RegistryLock& operator=(const RegistryLock&) = delete;
};

/// A free place among the workers, or -1. Call under the exclusive lock.
int freeWorkerSlot(Rank rank);

/// The state of a database, entered if new; nullptr when the table is full. Call under the exclusive lock.
DatabaseState* databaseState(Oid database);

struct WorkerKind {
    const char* name;
    Channel channel;
    Rank rank;
    WorkerMain main;
};
const WorkerKind* workerKind(std::string_view name);

template <size_t N> void copyText(char (&target)[N], std::string_view source) {
    size_t length = std::min(source.size(), N - 1);
    while (length > 0 && length < source.size() && (source[length] & 0xC0) == 0x80)
        --length; // never in the middle of a UTF-8 character
    memcpy(target, source.data(), length);
    target[length] = '\0';
}

} // namespace standin::kernel
