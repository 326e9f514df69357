#include <optional>
#include <signal.h>

#include "kernel/commit_hook.h"
#include "kernel/processes_pg.h"
#include "kernel/slots_pg.h"

extern "C" {
#include <commands/dbcommands.h>
#include <commands/defrem.h>
#include <commands/extension.h>
#include <nodes/parsenodes.h>
#include <tcop/utility.h>
}

// Commands that need a database without connections (DROP, RENAME, as a template) or the extension without users (DROP,
// UPDATE) first send our workers away: PostgreSQL 15 does not signal background workers by itself.

namespace standin::kernel {

namespace {

constexpr const char* extensionName = "pg_standin";
constexpr int64_t patience = microseconds(std::chrono::seconds(15));

ProcessUtility_hook_type previousHook = nullptr;
Oid heldUntilEnd = InvalidOid; // by DROP or ALTER EXTENSION in this transaction

const char* templateOf(const CreatedbStmt* statement) {
    ListCell* cell;
    foreach (cell, statement->options) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "template") == 0 && option->arg)
            return defGetString(option);
    }
    return "template1";
}

bool setsTablespace(const AlterDatabaseStmt* statement) {
    ListCell* cell;
    foreach (cell, statement->options)
        if (strcmp(static_cast<DefElem*>(lfirst(cell))->defname, "tablespace") == 0)
            return true;
    return false;
}

/// The database that the command needs for itself, or InvalidOid.
Oid databaseWanted(Node* statement) {
    const char* name = nullptr;
    switch (nodeTag(statement)) {
    case T_DropdbStmt:
        name = reinterpret_cast<DropdbStmt*>(statement)->dbname;
        break;
    case T_CreatedbStmt:
        name = templateOf(reinterpret_cast<CreatedbStmt*>(statement));
        break;
    case T_RenameStmt:
        if (reinterpret_cast<RenameStmt*>(statement)->renameType == OBJECT_DATABASE)
            name = reinterpret_cast<RenameStmt*>(statement)->subname;
        break;
    case T_AlterDatabaseStmt:
        if (setsTablespace(reinterpret_cast<AlterDatabaseStmt*>(statement)))
            name = reinterpret_cast<AlterDatabaseStmt*>(statement)->dbname;
        break;
    default:
        break;
    }
    const Oid database = name ? get_database_oid(name, true) : InvalidOid;
    return OidIsValid(database) && database != MyDatabaseId && pg::ownsDatabase(database) ? database : InvalidOid;
}

bool changesExtension(Node* statement) {
    bool named = false;
    if (nodeTag(statement) == T_AlterExtensionStmt) {
        named = strcmp(reinterpret_cast<AlterExtensionStmt*>(statement)->extname, extensionName) == 0;
    } else if (nodeTag(statement) == T_DropStmt) {
        auto* drop = reinterpret_cast<DropStmt*>(statement);
        ListCell* cell;
        if (drop->removeType == OBJECT_EXTENSION)
            foreach (cell, drop->objects)
                named = named || strcmp(strVal(lfirst(cell)), extensionName) == 0;
    }
    if (!named)
        return false;
    const Oid extension = get_extension_oid(extensionName, true);
    return OidIsValid(extension) && pg::ownsExtension(extension);
}

bool anyProcess(Oid database) {
    const RegistryLock lock(LW_SHARED);
    for (const DatabaseState& state : registry().databases)
        if (state.database == database && state.supervisor != 0)
            return true;
    for (const WorkerSlot& slot : registry().workers)
        if (slot.used && slot.database == database && slot.pid != 0)
            return true;
    return false;
}

void hold(Oid database) {
    {
        const RegistryLock lock(LW_EXCLUSIVE);
        DatabaseState* state = databaseState(database);
        if (!state)
            return;
        ++state->holds;
        if (state->supervisorLatch)
            wakeUp(state->supervisorLatch, state->wakes);
    }
    const int64_t deadline = monotonicNow() + patience;
    pg::call([=] {
        ConditionVariablePrepareToSleep(&registry().processGone);
        while (anyProcess(database) && monotonicNow() < deadline)
            ConditionVariableTimedSleep(&registry().processGone, 100, pg::waitEventNew("StandinWorkersStop"));
        ConditionVariableCancelSleep();
    });
}

void release(Oid database) {
    const RegistryLock lock(LW_EXCLUSIVE);
    DatabaseState* state = databaseState(database);
    if (state && state->holds > 0 && --state->holds == 0)
        state->extension = ExtensionState::unknown;
    if (registry().launcher)
        SetLatch(registry().launcher);
}

void releaseAtEnd(TransactionEnd) noexcept {
    if (OidIsValid(heldUntilEnd))
        release(heldUntilEnd);
    heldUntilEnd = InvalidOid;
}

// A backend terminated between hold and release leaves the hold behind, unless this runs.
Oid heldNow = InvalidOid;
void releaseAtExit(int, Datum) {
    if (OidIsValid(heldNow))
        release(heldNow);
    heldNow = InvalidOid;
}

class DatabaseHold {
public:
    explicit DatabaseHold(Oid database) {
        static bool registered = false;
        if (!registered) {
            pg::call([] { before_shmem_exit(releaseAtExit, 0); });
            registered = true;
        }
        heldNow = database;
        try {
            hold(database);
        } catch (...) {
            releaseAtExit(0, 0);
            throw;
        }
    }
    ~DatabaseHold() { releaseAtExit(0, 0); }
};

void sendWorkersAway(Node* statement, std::optional<DatabaseHold>& databaseHold) {
    const Oid database = pg::call([=] { return databaseWanted(statement); });
    if (OidIsValid(database)) {
        databaseHold.emplace(database);
    } else if (!OidIsValid(heldUntilEnd) && pg::call([=] { return changesExtension(statement); })) {
        heldUntilEnd = MyDatabaseId; // before waiting: an error in between must release it
        hold(MyDatabaseId);
    }
}

void processUtility(PlannedStmt* planned, const char* query, bool readOnlyTree, ProcessUtilityContext context,
                    ParamListInfo parameters, QueryEnvironment* environment, DestReceiver* destination,
                    QueryCompletion* completion) {
    auto* next = previousHook ? previousHook : standard_ProcessUtility;
    switch (nodeTag(planned->utilityStmt)) {
    case T_DropdbStmt:
    case T_CreatedbStmt:
    case T_RenameStmt:
    case T_AlterDatabaseStmt:
    case T_AlterExtensionStmt:
    case T_DropStmt:
        pg::entry([&] {
            std::optional<DatabaseHold> databaseHold;
            sendWorkersAway(planned->utilityStmt, databaseHold);
            pg::call(
                [&] { next(planned, query, readOnlyTree, context, parameters, environment, destination, completion); });
        });
        break;
    default:
        next(planned, query, readOnlyTree, context, parameters, environment, destination, completion);
    }
}

} // namespace

void initDatabaseHolds() {
    onTransactionEnd(releaseAtEnd);
    previousHook = ProcessUtility_hook;
    ProcessUtility_hook = processUtility;
}

} // namespace standin::kernel
