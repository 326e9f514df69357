#include "standin/outcome/account_queue_pg.h"

#include <optional>

#include "pg/spi.h"
#include "standin/outcome/transaction_state.h"

extern "C" {
#include <access/genam.h>
#include <access/table.h>
#include <catalog/namespace.h>
#include <catalog/pg_collation_d.h>
#include <commands/trigger.h>
#include <utils/fmgroids.h>
#include <utils/rel.h>
}

// standin_private.account_queue: one row for each account with a backlog, its head. What must be found in it is found
// by index scans of our own, so that no statistics and no old snapshot have a say.

namespace standin::core {

namespace {

/// The columns that both tables call alike.
struct Queued {
    int64_t ticket;
    const char* capability;
    const char* state;
    TimestampTz dueAt;
};

void equalText(ScanKey key, AttrNumber column, const std::string& value) {
    ScanKeyEntryInitialize(key, 0, column, BTEqualStrategyNumber, InvalidOid, DEFAULT_COLLATION_OID, F_TEXTEQ,
                           PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size()))));
}

/// The account's first entry in an index over core and account, and ticket if `after` is given.
bool firstOf(const char* tableName, const char* indexName, const std::string& core, const std::string& account,
             const int64_t* after, Queued* found) {
    const Oid schema = get_namespace_oid("standin_private", false);
    Relation table = table_open(get_relname_relid(tableName, schema), AccessShareLock);
    Relation index = index_open(get_relname_relid(indexName, schema), AccessShareLock);
    const Oid id = RelationGetRelid(table);
    ScanKeyData keys[3];
    equalText(&keys[0], get_attnum(id, "core"), core);
    equalText(&keys[1], get_attnum(id, "account"), account);
    if (after)
        ScanKeyInit(&keys[2], get_attnum(id, "ticket"), BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(*after));
    CommandCounterIncrement(); // what this statement changed is over
    Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    SysScanDesc scan = systable_beginscan_ordered(table, index, snapshot, after ? 3 : 2, keys);
    HeapTuple tuple = systable_getnext_ordered(scan, ForwardScanDirection);
    const bool exists = HeapTupleIsValid(tuple);
    if (exists && found) {
        const TupleDesc columns = RelationGetDescr(table);
        bool null;
        found->ticket = DatumGetInt64(heap_getattr(tuple, get_attnum(id, "ticket"), columns, &null));
        found->capability = TextDatumGetCString(heap_getattr(tuple, get_attnum(id, "capability"), columns, &null));
        found->state = TextDatumGetCString(heap_getattr(tuple, get_attnum(id, "state"), columns, &null));
        const Datum due = heap_getattr(tuple, get_attnum(id, "due_at"), columns, &null);
        found->dueAt = null ? DT_NOBEGIN : DatumGetTimestampTz(due);
    }
    systable_endscan_ordered(scan);
    UnregisterSnapshot(snapshot);
    index_close(index, AccessShareLock);
    table_close(table, AccessShareLock);
    return exists;
}

std::optional<Queued> nextQueued(const std::string& core, const std::string& account, int64_t after) {
    Queued found{};
    const bool exists = pg::call(
        [&] { return firstOf("pending_transaction", "pending_transaction_queue", core, account, &after, &found); });
    return exists ? std::optional(found) : std::nullopt;
}

/// One version of the row that a trigger was called for.
class Version {
public:
    Version(const TriggerData& trigger, HeapTuple tuple)
        : columns_(RelationGetDescr(trigger.tg_relation)), tuple_(tuple) {}

    std::string text(const char* column) const {
        const char* value = pg::call([&] { return SPI_getvalue(tuple_, columns_, SPI_fnumber(columns_, column)); });
        return value ? value : "";
    }
    int64_t ticket() const {
        bool null;
        return DatumGetInt64(heap_getattr(tuple_, SPI_fnumber(columns_, "ticket"), columns_, &null));
    }
    pg::Timestamptz dueAt() const {
        bool null;
        const Datum due = heap_getattr(tuple_, SPI_fnumber(columns_, "due_at"), columns_, &null);
        return {null ? DT_NOBEGIN : DatumGetTimestampTz(due)};
    }
    bool isQueued() const { return queued(stateByName(text("state"))); }

private:
    TupleDesc columns_;
    HeapTuple tuple_;
};

/// A transaction that is queued is the head if none of its account is older.
void put(const Version& row) {
    static pg::Statement statement(
        "INSERT INTO standin_private.account_queue (core, account, ticket, capability, state, due_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (core, account) DO UPDATE SET ticket = excluded.ticket, capability = excluded.capability,"
        "     state = excluded.state, due_at = excluded.due_at WHERE account_queue.ticket >= excluded.ticket",
        pg::Plan::ByIndex);
    statement.run(row.text("core"), row.text("account"), row.ticket(), row.text("capability"), row.text("state"),
                  row.dueAt());
}

/// A head that has left the queue makes room for the next one of its account.
void leave(const Version& row) {
    static pg::Statement follow(
        "UPDATE standin_private.account_queue SET ticket = $4, capability = $5, state = $6, due_at = $7"
        " WHERE core = $1 AND account = $2 AND ticket = $3",
        pg::Plan::ByIndex);
    static pg::Statement empty(
        "DELETE FROM standin_private.account_queue WHERE core = $1 AND account = $2 AND ticket = $3",
        pg::Plan::ByIndex);
    const std::string core = row.text("core");
    const std::string account = row.text("account");
    if (const std::optional<Queued> next = nextQueued(core, account, row.ticket()))
        follow.run(core, account, row.ticket(), next->ticket, next->capability, next->state,
                   pg::Timestamptz{next->dueAt});
    else
        empty.run(core, account, row.ticket());
}

} // namespace

bool hasBacklog(const std::string& core, const std::string& account) {
    return pg::call([&] { return firstOf("account_queue", "account_queue_pkey", core, account, nullptr, nullptr); });
}

} // namespace standin::core

/// After an update of pending_transaction's state or due_at.
STANDIN_FUNCTION(standin_account_queue_follow) {
    using namespace standin;
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw Error("39P01", "function must be called as a trigger");
    const auto& trigger = *reinterpret_cast<TriggerData*>(fcinfo->context);
    const core::Version before(trigger, trigger.tg_trigtuple);
    const core::Version after(trigger, trigger.tg_newtuple);
    const bool stays = after.isQueued();
    if (stays || before.isQueued()) {
        const pg::Spi spi;
        if (stays)
            core::put(after);
        else
            core::leave(before);
    }
    return PointerGetDatum(nullptr);
}
