#include "cdc/target/heap_writer_pg.h"

extern "C" {
#include <access/heapam.h>
#include <access/nbtree.h>
#include <access/table.h>
#include <access/xact.h>
#include <catalog/index.h>
#include <storage/lmgr.h>
#include <utils/rel.h>
}

namespace standin::cdc {

namespace {

constexpr Size maxPendingBytes = 1024 * 1024; // of rows that wait to be written together

} // namespace

void HeapWriter::apply(TargetTable& table, std::span<const NetChange> changes, bool distinct, size_t& at,
                       SetAside* aside) {
    const bool repeats = !distinct && !table.target().history;
    HeapWriter writer(table, repeats, at, repeats ? nullptr : aside); // what repeats a key has its place
    const pg::TemporaryContext temporary("pg_standin cdc write");     // an attempt that fails leaves nothing behind
    const pg::MemoryContextScope scope(temporary);
    pg::call([&] {
        writer.open();
        writer.run(changes.data(), changes.size());
        writer.close();
    });
}

void HeapWriter::open() {
    memory_ = AllocSetContextCreate(CurrentMemoryContext, "pg_standin cdc rows", ALLOCSET_DEFAULT_SIZES);
    relation_ = table_open(table_.relation(), NoLock); // locked by prepare()
    CheckCmdReplicaIdentity(relation_, table_.target().history ? CMD_INSERT : CMD_UPDATE);
    estate_ = pg::executorStateFor(relation_);
    slots_ = table_.insertSlots(relation_);
    result_ = makeNode(ResultRelInfo);
    InitResultRelInfo(result_, relation_, 1, nullptr, 0);
    ExecOpenIndices(result_, false);
    if (!table_.target().history)
        openKey();
    nextCommand();
}

void HeapWriter::openKey() {
    index_ = index_open(table_.keyIndex(), AccessShareLock);
    keyCount_ = index_->rd_index->indnkeyatts;
    for (int i = 0; i < keyCount_; ++i) {
        const Oid family = index_->rd_opfamily[i];
        const Oid type = index_->rd_opcintype[i];
        const Oid equals = get_opfamily_member(family, type, type, BTEqualStrategyNumber);
        ScanKeyInit(&keys_[i], static_cast<AttrNumber>(i + 1), BTEqualStrategyNumber, get_opcode(equals), 0);
        keys_[i].sk_collation = index_->rd_indcollation[i];
    }
    InitDirtySnapshot(dirty_);
    const MemoryContext caller = MemoryContextSwitchTo(estate_->es_query_cxt);
    scan_ = pg::indexScanBegin(relation_, index_, &dirty_, keyCount_);
    MemoryContextSwitchTo(caller);
    found_ = table_slot_create(relation_, nullptr);
    updated_ = table_slot_create(relation_, nullptr);
    const ColumnType kind = table_.target().columns[table_.target().key[0]].type;
    ordered_ = keyCount_ == 1 && table_.target().comparableKey && !(index_->rd_indoption[0] & INDOPTION_DESC) &&
               (kind == ColumnType::Int2 || kind == ColumnType::Int4 || kind == ColumnType::Int8);
    const Oid type = index_->rd_opcintype[0];
    const Oid greater = get_opfamily_member(index_->rd_opfamily[0], type, type, BTGreaterStrategyNumber);
    ScanKeyInit(&after_, 1, BTGreaterStrategyNumber, get_opcode(greater), 0);
    after_.sk_collation = index_->rd_indcollation[0];
    if (keyIsOnlyIndex())
        pendingKeys_ = static_cast<Datum*>(
            MemoryContextAlloc(estate_->es_query_cxt, sizeof(Datum) * TargetTable::insertSlotCount * INDEX_MAX_KEYS));
}

bool HeapWriter::keyIsOnlyIndex() const {
    const IndexInfo* info = result_->ri_NumIndices == 1 ? result_->ri_IndexRelationInfo[0] : nullptr;
    return info && info->ii_NumIndexAttrs == keyCount_ && !info->ii_Expressions && !info->ii_Predicate &&
           !info->ii_ExclusionOps && index_->rd_index->indimmediate;
}

void HeapWriter::close() {
    flush();
    if (bulk_)
        FreeBulkInsertState(bulk_);
    if (index_) {
        index_endscan(scan_);
        index_close(index_, NoLock);
        ExecDropSingleTupleTableSlot(found_);
        ExecDropSingleTupleTableSlot(updated_);
    }
    ExecCloseIndices(result_);
    FreeExecutorState(estate_);
    table_close(relation_, NoLock);
    MemoryContextDelete(memory_);
    CommandCounterIncrement();
}

/// What was written before becomes visible to what is written next.
void HeapWriter::nextCommand() {
    CommandCounterIncrement();
    command_ = GetCurrentCommandId(true);
    estate_->es_output_cid = command_;
    gapKnown_ = false;
}

void HeapWriter::run(const NetChange* changes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        at_ = i;
        if (changes[i].kind == ChangeKind::Append)
            append(changes[i]);
        else if (changes[i].kind == ChangeKind::Delete)
            remove(changes[i]);
        else
            upsert(changes[i]);
        if (repeats_) {
            flush();
            nextCommand();
        } else if (pending_ == 0) {
            MemoryContextReset(memory_);
        }
        CHECK_FOR_INTERRUPTS();
    }
}

void HeapWriter::upsert(const NetChange& change) {
    const MemoryContext caller = MemoryContextSwitchTo(memory_);
    if (isKnownToBeNew(change.cells)) {
        insert(change);
    } else if (find(change.cells)) {
        update(change);
    } else {
        lookAhead(change.cells);
        insert(change);
    }
    MemoryContextSwitchTo(caller);
}

void HeapWriter::append(const NetChange& change) {
    const MemoryContext caller = MemoryContextSwitchTo(memory_);
    insert(change);
    MemoryContextSwitchTo(caller);
}

bool HeapWriter::isKnownToBeNew(const Cell* cells) const {
    return ordered_ && gapKnown_ && (gapEndless_ || cells[table_.target().key[0]].value < gapEnd_);
}

/// Where the next existing row is. Not asked again and again where it never helps: rows that lie close together.
void HeapWriter::lookAhead(const Cell* cells) {
    if (!ordered_ || --credit_ < 0) {
        gapKnown_ = false;
        if (credit_ < -64)
            credit_ = 1;
        return;
    }
    after_.sk_argument = static_cast<Datum>(cells[table_.target().key[0]].value);
    gapKnown_ = true;
    gapEndless_ = !firstMatch(&after_);
    if (!gapEndless_) {
        const Oid type = index_->rd_opcintype[0];
        bool isNull;
        const Datum next = slot_getattr(found_, table_.columns()[table_.target().key[0]].attribute, &isNull);
        gapEnd_ = type == INT8OID ? DatumGetInt64(next) : type == INT4OID ? DatumGetInt32(next) : DatumGetInt16(next);
    }
    ExecClearTuple(found_);
    credit_ = gapEndless_ || gapEnd_ - cells[table_.target().key[0]].value > 8 ? 4 : credit_;
}

/// The first row in the index's order into found_. What the scan allocates lives as long as the scan.
bool HeapWriter::firstMatch(ScanKey keys) {
    const MemoryContext caller = MemoryContextSwitchTo(estate_->es_query_cxt);
    index_rescan(scan_, keys, keyCount_, nullptr, 0);
    const bool found = index_getnext_slot(scan_, ForwardScanDirection, found_);
    MemoryContextSwitchTo(caller);
    return found;
}

/// The live row with this key into found_. Waits for other transactions that are just writing it.
bool HeapWriter::find(const Cell* cells) {
    for (int i = 0; i < keyCount_; ++i) {
        const uint16_t column = table_.target().key[static_cast<size_t>(i)];
        bool isNull;
        keys_[i].sk_argument = cellToDatum(table_.columns()[column], cells[column], &isNull);
    }
    for (;;) {
        if (!firstMatch(keys_))
            return false;
        const TransactionId writer = TransactionIdIsValid(dirty_.xmin) ? dirty_.xmin : dirty_.xmax;
        if (!TransactionIdIsValid(writer)) {
            if (writtenByThisCommand())
                nextCommand();
            return true;
        }
        ExecClearTuple(found_);
        XactLockTableWait(writer, nullptr, nullptr, XLTW_None);
    }
}

/// Keys that differ in the events may be one key once stored (1.3 s and 1.4 s in timestamptz(0)).
bool HeapWriter::writtenByThisCommand() const {
    const HeapTuple tuple = reinterpret_cast<BufferHeapTupleTableSlot*>(found_)->base.tuple;
    return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)) &&
           HeapTupleHeaderGetCmin(tuple->t_data) >= command_;
}

void HeapWriter::insert(const NetChange& change) {
    ExecClearTuple(slots_[pending_]); // a batch that failed may have left something
    if (!fillInserted(change, slots_[pending_]))
        return;
    noteKey();
    pendingAt_[pending_] = at_;
    if (++pending_ == TargetTable::insertSlotCount || MemoryContextMemAllocated(memory_, false) >= maxPendingBytes)
        flush();
}

void HeapWriter::flush() {
    if (pending_ == 0)
        return;
    const MemoryContext caller = MemoryContextSwitchTo(estate_->es_query_cxt);
    if (!bulk_)
        bulk_ = GetBulkInsertState();
    MemoryContextSwitchTo(memory_);
    const size_t current = at_;
    at_ = SIZE_MAX;
    table_multi_insert(relation_, slots_, pending_, command_, 0, bulk_);
    for (int i = 0; i < pending_; ++i) {
        at_ = pendingAt_[i];
        insertIntoIndexes(i);
        ExecClearTuple(slots_[i]);
    }
    at_ = current;
    MemoryContextSwitchTo(caller);
    pending_ = 0;
    ResetPerTupleExprContext(estate_);
    MemoryContextReset(memory_);
}

/// Before the row is made a tuple, out of which the key would have to be taken again.
void HeapWriter::noteKey() {
    for (int i = 0; pendingKeys_ && i < keyCount_; ++i)
        pendingKeys_[pending_ * keyCount_ + i] = slots_[pending_]->tts_values[index_->rd_index->indkey.values[i] - 1];
}

void HeapWriter::insertIntoIndexes(int row) {
    static bool notNull[INDEX_MAX_KEYS] = {};
    if (pendingKeys_)
        pg::uniqueIndexInsert(result_, pendingKeys_ + row * keyCount_, notNull, slots_[row]);
    else if (result_->ri_NumIndices > 0)
        pg::indexInsert(result_, slots_[row], estate_);
}

void HeapWriter::update(const NetChange& change) {
    for (;;) {
        ExecClearTuple(updated_);
        if (!fillUpdated(change)) {
            ExecClearTuple(found_);
            return;
        }
        ExecStoreVirtualTuple(updated_);
        if (!mayBeStored(updated_)) {
            ExecClearTuple(updated_);
            ExecClearTuple(found_);
            return;
        }
        const TM_Result outcome =
            pg::tableUpdate(relation_, &found_->tts_tid, updated_, command_, GetActiveSnapshot(), result_, estate_);
        ExecClearTuple(updated_);
        ExecClearTuple(found_);
        if (outcome == TM_Ok)
            return;
        if (outcome != TM_Updated && outcome != TM_Deleted)
            elog(ERROR, "unexpected outcome %d of an update by key", static_cast<int>(outcome));
        // Somebody else was faster: look again.
        if (!find(change.cells)) {
            insert(change);
            return;
        }
    }
}

void HeapWriter::remove(const NetChange& change) {
    const MemoryContext caller = MemoryContextSwitchTo(memory_);
    while (!isKnownToBeNew(change.cells) && find(change.cells)) {
        TM_FailureData failure;
        const TM_Result outcome = table_tuple_delete(relation_, &found_->tts_tid, command_, GetActiveSnapshot(),
                                                     InvalidSnapshot, true, &failure, false);
        ExecClearTuple(found_);
        if (outcome == TM_Ok)
            break;
        if (outcome != TM_Updated && outcome != TM_Deleted)
            elog(ERROR, "unexpected outcome %d of a delete by key", static_cast<int>(outcome));
    }
    MemoryContextSwitchTo(caller);
}

} // namespace standin::cdc
