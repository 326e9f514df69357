#include "standin/mode/mode_lock_pg.h"

#include <algorithm>

#include "kernel/commit_hook.h"
#include "pg/guard.h"
#include "pg/lock.h"

extern "C" {
#include <access/genam.h>
#include <access/table.h>
#include <catalog/namespace.h>
#include <storage/lmgr.h>
#include <utils/fmgroids.h>
#include <utils/rel.h>
}

namespace standin::core {

namespace {

struct Note {
    int32_t mode;
    int64_t epoch; // 0: a switch
};

constexpr int notesMaximum = 64;
Note notes[notesMaximum];
int notesUsed = 0;

void note(Note added) {
    for (int i = 0; i < notesUsed; ++i)
        if (notes[i].mode == added.mode && notes[i].epoch == added.epoch)
            return;
    if (notesUsed == notesMaximum)
        throw Error("54000", "one transaction decides under too many modes", {}, "Commit more often.");
    notes[notesUsed++] = added;
}

LOCKTAG modeTag(int32_t mode) { return pg::ownLockTag(pg::OwnLock::Mode, static_cast<uint32>(mode), 0); }

/// The epoch as of now, whatever snapshot the transaction works with; 0 if the row is gone.
int64_t currentEpoch(int32_t mode) {
    return pg::call([mode] {
        const Oid schema = get_namespace_oid("standin_private", false);
        const Oid table = get_relname_relid("core_mode", schema);
        const Oid index = get_relname_relid("core_mode_id", schema);
        Relation relation = table_open(table, AccessShareLock);
        ScanKeyData key;
        ScanKeyInit(&key, get_attnum(table, "id"), BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(mode));
        Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
        SysScanDesc scan = systable_beginscan(relation, index, true, snapshot, 1, &key);
        int64_t epoch = 0;
        if (HeapTuple tuple = systable_getnext(scan)) {
            bool null;
            epoch = DatumGetInt64(heap_getattr(tuple, get_attnum(table, "epoch"), RelationGetDescr(relation), &null));
        }
        systable_endscan(scan);
        UnregisterSnapshot(snapshot);
        table_close(relation, AccessShareLock);
        return epoch;
    });
}

void beforeCommit() {
    if (notesUsed == 0)
        return;
    // A fixed order, exclusive before shared of the same mode: no deadlock among commits.
    std::sort(notes, notes + notesUsed, [](const Note& left, const Note& right) {
        return left.mode != right.mode ? left.mode < right.mode : left.epoch < right.epoch;
    });
    for (int i = 0; i < notesUsed; ++i) {
        const LOCKTAG tag = modeTag(notes[i].mode);
        const LOCKMODE lockMode = notes[i].epoch == 0 ? ExclusiveLock : ShareLock;
        pg::call([&] { LockAcquire(&tag, lockMode, false, false); });
    }
    for (int i = 0; i < notesUsed; ++i) {
        if (notes[i].epoch != 0 && currentEpoch(notes[i].mode) != notes[i].epoch)
            throw Error("40001", "could not commit: the core's mode changed since the decision",
                        "Decided under epoch " + std::to_string(notes[i].epoch) + ".", "Retry the transaction.");
    }
}

void beforePrepare() {
    if (notesUsed != 0)
        throw Error("0A000", "cannot PREPARE a transaction that decided about or switched a core", {},
                    "A prepared transaction could commit long after the core's mode changed.");
}

void afterEnd(kernel::TransactionEnd) noexcept { notesUsed = 0; }

} // namespace

void noteDecision(int32_t modeId, int64_t epoch) { note({modeId, epoch}); }
void noteSwitch(int32_t modeId) { note({modeId, 0}); }

void lockMode(int32_t modeId) {
    const LOCKTAG tag = modeTag(modeId);
    pg::call([&] { LockAcquire(&tag, ExclusiveLock, false, false); });
}

void initModeLock() {
    kernel::onPreCommit(beforeCommit);
    kernel::onPrePrepare(beforePrepare);
    kernel::onTransactionEnd(afterEnd);
}

} // namespace standin::core
