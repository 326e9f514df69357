#include "kernel/processes_pg.h"
#include "kernel/registry_pg.h"
#include "pg/owner.h"
#include "pg/user_code.h"

extern "C" {
#include <commands/dbcommands.h>
}

using namespace standin;
using namespace standin::kernel;

STANDIN_FUNCTION(standin_library_version) {
    return pg::call([] { return CStringGetTextDatum(STANDIN_VERSION); });
}

STANDIN_FUNCTION(standin_extension_announce) {
    announceExtensionAtCommit();
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(standin_caller) {
    const Oid caller = pg::callerOfDefiner();
    return pg::call(
        [caller] { return DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(caller, false))); });
}

STANDIN_FUNCTION(standin_user_role_require) {
    const Oid role = pg::call([=] { return get_role_oid(NameStr(*PG_GETARG_NAME(0)), false); });
    pg::requireUserRole(role, pg::call([=] { return text_to_cstring(PG_GETARG_TEXT_PP(1)); }));
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(standin_type_is_built_in) { PG_RETURN_BOOL(pg::isBuiltIn(PG_GETARG_OID(0))); }

STANDIN_FUNCTION(standin_wake) {
    char* name = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    const auto channel = channelByName(name);
    if (!channel)
        throw Error("22023", std::string("unknown channel \"") + name + "\"");
    wakeAtCommit(*channel);
    PG_RETURN_VOID();
}

// A trigger, so that a change of configuration announces itself: EXECUTE FUNCTION standin_private.wake_trigger('cdc').
STANDIN_FUNCTION(standin_wake_trigger) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw Error("39P01", "wake_trigger must be called as a trigger");
    const Trigger* trigger = reinterpret_cast<TriggerData*>(fcinfo->context)->tg_trigger;
    for (int i = 0; i < trigger->tgnargs; ++i) {
        const auto channel = channelByName(trigger->tgargs[i]);
        if (!channel)
            throw Error("22023", std::string("unknown channel \"") + trigger->tgargs[i] + "\"");
        wakeAtCommit(*channel);
    }
    return PointerGetDatum(nullptr);
}

namespace {

Datum textOrNull(const char* text, bool& null) {
    null = text[0] == '\0';
    return null ? 0 : CStringGetTextDatum(text);
}

void emitTimes(ReturnSetInfo* result, const WorkerSlot& slot) {
    Datum values[] = {CStringGetTextDatum(slot.kind), CStringGetTextDatum(slot.key),
                      TimestampTzGetDatum(slot.recoveredAt), TimestampTzGetDatum(slot.seenAt)};
    bool nulls[] = {false, false, slot.recoveredAt == 0, slot.seenAt == 0};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

void emitWorker(ReturnSetInfo* result, const WorkerSlot& slot) {
    constexpr int columns = 12;
    Datum values[columns] = {};
    bool nulls[columns] = {};
    values[0] = CStringGetTextDatum(slot.kind);
    values[1] = CStringGetTextDatum(slot.key);
    values[2] = ObjectIdGetDatum(slot.role);
    nulls[2] = !OidIsValid(slot.role);
    values[3] = CStringGetTextDatum(slot.state);
    values[4] = textOrNull(slot.detail, nulls[4]);
    values[5] = Int32GetDatum(slot.pid);
    nulls[5] = slot.pid == 0;
    values[6] = TimestampTzGetDatum(slot.since);
    nulls[6] = slot.since == 0;
    values[7] = Int32GetDatum(slot.restarts);
    values[8] = textOrNull(slot.sqlstate, nulls[8]);
    values[9] = textOrNull(slot.error, nulls[9]);
    values[10] = TimestampTzGetDatum(slot.errorAt);
    nulls[10] = slot.errorAt == 0;
    values[11] = BoolGetDatum(slot.outward);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/// The supervisor as a worker among those it starts.
WorkerSlot supervisorAsWorker(const DatabaseState& state, const char* database) {
    WorkerSlot row{};
    copyText(row.kind, "supervisor");
    copyText(row.key, database);
    row.pid = state.supervisor;
    row.since = state.since;
    copyText(row.state, state.supervisor != 0 ? "running"
                        : state.waiting       ? "no_slot"
                        : state.holds > 0     ? "held"
                                              : "stopped");
    copyText(row.detail, state.supervisor != 0 ? state.detail
                         : state.waiting       ? "no free background worker: increase max_worker_processes"
                         : state.holds > 0     ? "a command needs the database without its workers"
                                               : "starts within a minute");
    return row;
}

/// PostgreSQL code.
void emitAll(FunctionCallInfo fcinfo, void (*emit)(ReturnSetInfo*, const WorkerSlot&)) {
    pg::materializeResult(fcinfo);
    auto* copies = static_cast<WorkerSlot*>(palloc(sizeof(WorkerSlot) * (maxWorkers + 1)));
    const char* database = get_database_name(MyDatabaseId);
    DatabaseState here{};
    int count = 0;
    {
        const RegistryLock lock(LW_SHARED);
        for (const DatabaseState& state : registry().databases)
            if (state.database == MyDatabaseId)
                here = state;
        for (int i = 0; i < registry().workersUsed; ++i)
            if (registry().workers[i].used && registry().workers[i].database == MyDatabaseId)
                copies[++count] = registry().workers[i];
    }
    copies[0] = supervisorAsWorker(here, database ? database : "");
    ++count;
    for (int i = 0; i < count; ++i)
        emit(reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo), copies[i]);
}

} // namespace

STANDIN_FUNCTION(standin_stat_worker) {
    pg::call([fcinfo] { emitAll(fcinfo, emitWorker); });
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(standin_stat_worker_times) {
    pg::call([fcinfo] { emitAll(fcinfo, emitTimes); });
    PG_RETURN_VOID();
}
