#include "cdc/target/heap_writer_pg.h"
#include "cdc/value/placeholder.h"

extern "C" {
#include <optimizer/optimizer.h>
#include <rewrite/rewriteHandler.h>
#include <utils/datum.h>
#include <utils/rel.h>
}

// What becomes a row, and whether it may be stored.
namespace standin::cdc {

void HeapWriter::defaultFor(int attribute, TupleTableSlot* slot) {
    if (!defaults_) {
        const MemoryContext caller = MemoryContextSwitchTo(estate_->es_query_cxt);
        const TupleDesc descriptor = RelationGetDescr(relation_);
        defaults_ = static_cast<ExprState**>(palloc0(sizeof(ExprState*) * static_cast<size_t>(descriptor->natts)));
        for (int i = 0; i < descriptor->natts; ++i) {
            if (TupleDescAttr(descriptor, i)->attisdropped)
                continue;
            if (Node* expression = build_column_default(relation_, i + 1))
                defaults_[i] = ExecInitExpr(expression_planner(reinterpret_cast<Expr*>(expression)), nullptr);
        }
        MemoryContextSwitchTo(caller);
    }
    slot->tts_isnull[attribute] = true;
    slot->tts_values[attribute] = 0;
    if (defaults_[attribute])
        slot->tts_values[attribute] =
            ExecEvalExpr(defaults_[attribute], GetPerTupleExprContext(estate_), &slot->tts_isnull[attribute]);
}

/// False if the row is set aside.
bool HeapWriter::fillInserted(const NetChange& change, TupleTableSlot* slot) {
    const TupleDesc descriptor = RelationGetDescr(relation_);
    memset(slot->tts_isnull, true, static_cast<size_t>(descriptor->natts));
    memset(slot->tts_values, 0, sizeof(Datum) * static_cast<size_t>(descriptor->natts));
    const size_t count = table_.target().columns.size();
    for (size_t i = 0; i < count; ++i) {
        const int attribute = table_.columns()[i].attribute - 1;
        const Cell& cell = change.cells[i];
        if (cell.given())
            slot->tts_values[attribute] = cellToDatum(table_.columns()[i], cell, &slot->tts_isnull[attribute]);
        else if (cell.kind == CellKind::Absent)
            defaultFor(attribute, slot);
        else if (setAside())
            return false;
        else
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                            errmsg("the row does not exist and the event withholds the value of column \"%s\"",
                                   NameStr(TupleDescAttr(descriptor, attribute)->attname)),
                            errhint("%s", withheldHint), errtablecol(relation_, attribute + 1)));
    }
    ExecStoreVirtualTuple(slot);
    return mayBeStored(slot);
}

/// An error would undo the rows that were written with this one.
bool HeapWriter::setAside() {
    if (!aside_ || aside_->count == std::size(aside_->places))
        return false;
    aside_->places[aside_->count++] = at_;
    return true;
}

/// False if the row is set aside.
bool HeapWriter::mayBeStored(TupleTableSlot* slot) {
    if (keepsConstraints(slot))
        return true;
    if (setAside())
        return false;
    ExecConstraints(result_, slot, estate_); // says what is wrong
    return true;
}

bool HeapWriter::keepsConstraints(TupleTableSlot* slot) {
    const TupleDesc descriptor = RelationGetDescr(relation_);
    const TupleConstr* constraints = descriptor->constr;
    if (!constraints)
        return true;
    for (int i = 0; constraints->has_not_null && i < descriptor->natts; ++i)
        if (slot->tts_isnull[i] && TupleDescAttr(descriptor, i)->attnotnull)
            return false;
    if (!checks_) {
        const MemoryContext caller = MemoryContextSwitchTo(estate_->es_query_cxt);
        checks_ = pg::prepareChecks(constraints);
        MemoryContextSwitchTo(caller);
    }
    ExprContext* context = GetPerTupleExprContext(estate_);
    context->ecxt_scantuple = slot;
    for (int i = 0; i < constraints->num_check; ++i)
        if (!ExecCheck(checks_[i], context))
            return false;
    return true;
}

/// The found row with the change's values into updated_; false if that is the same row.
bool HeapWriter::fillUpdated(const NetChange& change) {
    slot_getallattrs(found_);
    const TupleDesc descriptor = RelationGetDescr(relation_);
    memcpy(updated_->tts_values, found_->tts_values, sizeof(Datum) * static_cast<size_t>(descriptor->natts));
    memcpy(updated_->tts_isnull, found_->tts_isnull, static_cast<size_t>(descriptor->natts));
    bool differs = false;
    const size_t count = table_.target().columns.size();
    for (size_t i = 0; i < count; ++i) {
        ColumnConversion& column = table_.columns()[i];
        const int attribute = column.attribute - 1;
        const Cell& cell = change.cells[i];
        if (cell.given())
            updated_->tts_values[attribute] = cellToDatum(column, cell, &updated_->tts_isnull[attribute]);
        else if (cell.kind == CellKind::Absent && change.kind == ChangeKind::Replace)
            defaultFor(attribute, updated_);
        else
            continue;
        const bool isNull = updated_->tts_isnull[attribute];
        if (isNull != found_->tts_isnull[attribute])
            differs = true;
        else if (!isNull && !differs)
            differs = !datum_image_eq(updated_->tts_values[attribute], found_->tts_values[attribute], column.byValue,
                                      column.length);
    }
    return differs;
}

} // namespace standin::cdc
