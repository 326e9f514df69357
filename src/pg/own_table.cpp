#include "pg/own_table.h"

#include "pg/table_compat.h"

extern "C" {
#include <access/table.h>
#include <catalog/namespace.h>
#include <catalog/pg_am_d.h>
#include <utils/fmgrprotos.h>
#include <utils/inval.h>
}

namespace standin::pg {

namespace {

OwnTable* written = nullptr;

} // namespace

void OwnTable::onRelationChanged(Datum, Oid relation) {
    for (OwnTable* table = written; table; table = table->next_)
        if (relation == InvalidOid || relation == table->relation_)
            table->known_ = false;
}

/// The table, locked for a write, and known as it is now.
Relation OwnTable::open() {
    if (!listed_) {
        if (!written)
            CacheRegisterRelcacheCallback(onRelationChanged, 0);
        next_ = written;
        written = this;
        listed_ = true;
    }
    const Oid found = get_relname_relid(name_, get_namespace_oid("standin_private", false));
    Relation relation = table_open(found, RowExclusiveLock);
    if (!known_ || relation_ != found)
        resolve(relation);
    return relation;
}

void OwnTable::resolve(Relation relation) {
    if (relation->rd_rel->relam != HEAP_TABLE_AM_OID)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("table \"%s\" must have the access method \"heap\"", name_)));
    known_ = false;
    relation_ = RelationGetRelid(relation);
    for (size_t i = 0; i < count_; ++i) {
        attributes_[i] = get_attnum(relation_, columns_[i]);
        if (attributes_[i] == InvalidAttrNumber)
            elog(ERROR, "column \"%s\" of \"%s\" does not exist", columns_[i], name_);
    }
    if (memory_)
        MemoryContextDelete(memory_);
    memory_ = nullptr;
    memory_ = AllocSetContextCreate(CacheMemoryContext, "pg_standin table", ALLOCSET_SMALL_SIZES);
    const MemoryContext caller = MemoryContextSwitchTo(memory_);
    context_ = CreateStandaloneExprContext();
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    checks_ = constraints ? prepareChecks(constraints) : nullptr;
    MemoryContextSwitchTo(caller);
    known_ = true;
}

/// An insert has no defaults of its own.
void OwnTable::requireAllGiven(Relation relation) const {
    const TupleDesc descriptor = RelationGetDescr(relation);
    for (int i = 0; i < descriptor->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        const bool given = std::find(attributes_, attributes_ + count_, attribute->attnum) != attributes_ + count_;
        if (!given && !attribute->attisdropped && (attribute->atthasdef || attribute->attidentity))
            elog(ERROR, "column \"%s\" of \"%s\" has a default, and is not given", NameStr(attribute->attname), name_);
    }
}

void OwnTable::fill(TupleTableSlot* slot, const Parameter* values) const {
    for (size_t i = 0; i < count_; ++i) {
        const int at = attributes_[i] - 1;
        const Form_pg_attribute attribute = TupleDescAttr(slot->tts_tupleDescriptor, at);
        if (values[i].type != attribute->atttypid)
            elog(ERROR, "column \"%s\" of \"%s\" has another type", columns_[i], name_);
        const Datum before = slot->tts_values[at];
        slot->tts_isnull[at] = values[i].null;
        slot->tts_values[at] = values[i].null ? 0 : toDatum(values[i]);
        if (values[i].form == Parameter::Form::Added)
            slot->tts_values[at] = DirectFunctionCall2(numeric_add, before, slot->tts_values[at]);
    }
}

bool OwnTable::keepsConstraints(TupleTableSlot* slot) {
    const TupleDesc descriptor = slot->tts_tupleDescriptor;
    const TupleConstr* constraints = descriptor->constr;
    if (!constraints)
        return true;
    for (int i = 0; i < descriptor->natts; ++i)
        if (slot->tts_isnull[i] && TupleDescAttr(descriptor, i)->attnotnull)
            return false;
    context_->ecxt_scantuple = slot;
    bool keeps = true;
    for (int i = 0; keeps && i < constraints->num_check; ++i)
        keeps = ExecCheck(checks_[i], context_);
    ResetExprContext(context_);
    return keeps;
}

void OwnTable::write(const ItemPointerData* row, const Parameter* values, size_t count) {
    call([&] {
        if (count != count_)
            elog(ERROR, "%zu values for %zu columns of \"%s\"", count, count_, name_);
        Relation relation = open();
        EState* estate = executorStateFor(relation);
        const MemoryContext caller = MemoryContextSwitchTo(estate->es_query_cxt);
        ResultRelInfo* result = makeNode(ResultRelInfo);
        InitResultRelInfo(result, relation, 1, nullptr, 0);
        ExecOpenIndices(result, false);
        TupleTableSlot* slot = table_slot_create(relation, nullptr);
        TupleTableSlot* old = row ? table_slot_create(relation, nullptr) : nullptr;
        ItemPointerData place;
        const size_t attributes = static_cast<size_t>(RelationGetDescr(relation)->natts);
        if (row) {
            place = *row;
            if (!table_tuple_fetch_row_version(relation, &place, SnapshotAny, old))
                elog(ERROR, "row of \"%s\" is gone", name_);
            slot_getallattrs(old);
            memcpy(slot->tts_values, old->tts_values, sizeof(Datum) * attributes);
            memcpy(slot->tts_isnull, old->tts_isnull, attributes);
        } else {
            requireAllGiven(relation);
            memset(slot->tts_values, 0, sizeof(Datum) * attributes);
            memset(slot->tts_isnull, true, attributes);
        }
        fill(slot, values);
        ExecStoreVirtualTuple(slot);
        if (!keepsConstraints(slot))
            ExecConstraints(result, slot, estate); // says what is wrong
        const CommandId command = GetCurrentCommandId(true);
        if (!row) {
            table_tuple_insert(relation, slot, command, 0, nullptr);
            indexInsert(result, slot, estate);
        } else if (tableUpdate(relation, &place, slot, command, GetActiveSnapshot(), result, estate) != TM_Ok) {
            elog(ERROR, "row of \"%s\" was not locked", name_);
        }
        ExecDropSingleTupleTableSlot(slot);
        if (old)
            ExecDropSingleTupleTableSlot(old);
        ExecCloseIndices(result);
        MemoryContextSwitchTo(caller);
        FreeExecutorState(estate);
        table_close(relation, NoLock); // locked until the transaction ends
        CommandCounterIncrement();
    });
}

} // namespace standin::pg
