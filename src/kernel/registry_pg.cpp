#include "kernel/registry_pg.h"
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

void registerWorkerKind(const char* kind, Channel channel, WorkerMain main) {
    if (kindCount == maxKinds)
        throw Error("XX000", "too many kinds of worker");
    kinds[kindCount++] = {kind, channel, main};
}

const WorkerKind* workerKind(std::string_view name) {
    for (int i = 0; i < kindCount; ++i)
        if (name == kinds[i].name)
            return &kinds[i];
    return nullptr;
}

} // namespace standin::kernel
