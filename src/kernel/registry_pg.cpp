#include "kernel/registry_pg.h"

#include <algorithm>

#include "pg/shmem.h"

namespace standin::kernel {

namespace {

pg::Shared<Registry> shared("pg_standin registry", [](void* memory) {
    auto* fresh = static_cast<Registry*>(memory);
    memset(memory, 0, sizeof(Registry));
    LWLockInitialize(&fresh->lock, LWLockNewTrancheId());
    LWLockRegisterTranche(fresh->lock.tranche, "pg_standin registry");
    ConditionVariableInit(&fresh->processGone);
});

WorkerKind kinds[maxKinds];
int kindCount = 0;

} // namespace

Registry& registry() { return *shared.get(); }

void requestRegistry() { shared.request(); }

int freeWorkerSlot(Rank rank) {
    Registry& shared = registry();
    int free = -1;
    int executors = 0;
    for (int i = 0; i < maxWorkers; ++i) {
        if (shared.workers[i].used)
            executors += shared.workers[i].rank == Rank::executor ? 1 : 0;
        else if (free < 0)
            free = i;
    }
    if (rank == Rank::executor && executors >= maxExecutors)
        return -1;
    shared.workersUsed = std::max(shared.workersUsed, free + 1);
    return free;
}

DatabaseState* databaseState(Oid database) {
    DatabaseState* free = nullptr;
    for (DatabaseState& state : registry().databases) {
        if (state.database == database)
            return &state;
        if (!free && state.database == InvalidOid)
            free = &state;
    }
    if (free)
        *free = {.database = database, .extension = ExtensionState::unknown};
    return free;
}

void registerWorkerKind(const char* kind, Channel channel, Rank rank, WorkerMain main) {
    if (kindCount == maxKinds)
        throw Error("XX000", "too many kinds of worker");
    kinds[kindCount++] = {kind, channel, rank, main};
}

const WorkerKind* workerKind(std::string_view name) {
    for (int i = 0; i < kindCount; ++i)
        if (name == kinds[i].name)
            return &kinds[i];
    return nullptr;
}

bool workerRuns(std::string_view kind, std::string_view key) {
    const RegistryLock lock(LW_SHARED);
    for (int i = 0; i < registry().workersUsed; ++i) {
        const WorkerSlot& slot = registry().workers[i];
        if (slot.used && slot.pid != 0 && slot.database == MyDatabaseId && kind == slot.kind && key == slot.key)
            return true;
    }
    return false;
}

} // namespace standin::kernel
