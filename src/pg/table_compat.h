#pragma once

// What applying rows needs of the executor and the access methods, whose signatures move between versions.
#include "pg/postgres.h"

extern "C" {
#include <access/genam.h>
#include <access/heapam.h>
#include <access/tableam.h>
#include <executor/executor.h>
#include <nodes/makefuncs.h>
#include <nodes/readfuncs.h>
#include <optimizer/optimizer.h>
#include <parser/parse_relation.h>
}

namespace standin::pg {

/// An executor state with one relation in its range table.
inline EState* executorStateFor(Relation relation) {
    EState* estate = CreateExecutorState();
    RangeTblEntry* entry = makeNode(RangeTblEntry);
    entry->rtekind = RTE_RELATION;
    entry->relid = RelationGetRelid(relation);
    entry->relkind = relation->rd_rel->relkind;
    entry->rellockmode = AccessShareLock;
#if STANDIN_PG_GE(18)
    List* permissions = NIL;
    addRTEPermissionInfo(&permissions, entry);
    ExecInitRangeTable(estate, list_make1(entry), permissions, bms_make_singleton(1));
#elif STANDIN_PG_GE(16)
    List* permissions = NIL;
    addRTEPermissionInfo(&permissions, entry);
    ExecInitRangeTable(estate, list_make1(entry), permissions);
#else
    ExecInitRangeTable(estate, list_make1(entry));
#endif
    return estate;
}

inline bool hasGeneratedColumns(const TupleConstr* constraints) {
#if STANDIN_PG_GE(18)
    return constraints->has_generated_stored || constraints->has_generated_virtual;
#else
    return constraints->has_generated_stored;
#endif
}

/// A relation's CHECK constraints, for ExecCheck(), in the current memory context; as ExecRelCheck() has them.
inline ExprState** prepareChecks(const TupleConstr* constraints) {
    auto** checks = static_cast<ExprState**>(palloc(sizeof(ExprState*) * (constraints->num_check + 1U)));
    for (int i = 0; i < constraints->num_check; ++i) {
        Expr* check = static_cast<Expr*>(stringToNode(constraints->check[i].ccbin));
#if STANDIN_PG_GE(18)
        if (!constraints->check[i].ccenforced)
            check = static_cast<Expr*>(static_cast<void*>(makeBoolConst(true, false)));
#endif
        checks[i] = ExecInitExpr(expression_planner(check), nullptr);
    }
    return checks;
}

inline IndexScanDesc indexScanBegin(Relation table, Relation index, Snapshot snapshot, int keys) {
#if STANDIN_PG_GE(18)
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

/// Index entries of a tuple just inserted.
inline void indexInsert(ResultRelInfo* result, TupleTableSlot* slot, EState* estate) {
#if STANDIN_PG_GE(16)
    list_free(ExecInsertIndexTuples(result, slot, estate, false, false, nullptr, NIL, false));
#else
    list_free(ExecInsertIndexTuples(result, slot, estate, false, false, nullptr, NIL));
#endif
}

/// What ExecInsertIndexTuples does for the one index of a table that has no other, a plain unique one; without taking
/// the key out of the tuple again.
inline void uniqueIndexInsert(ResultRelInfo* result, Datum* key, bool* isNull, TupleTableSlot* slot) {
    index_insert(result->ri_IndexRelationDescs[0], key, isNull, &slot->tts_tid, result->ri_RelationDesc,
                 UNIQUE_CHECK_YES, false, result->ri_IndexRelationInfo[0]);
}

/// Updates the tuple in place of `tid`, its index entries with it unless the update is heap-only.
inline TM_Result tableUpdate(Relation relation, ItemPointer tid, TupleTableSlot* slot, CommandId command,
                             Snapshot snapshot, ResultRelInfo* result, EState* estate) {
    TM_FailureData failure;
    LockTupleMode lockMode;
#if STANDIN_PG_GE(16)
    TU_UpdateIndexes indexes;
    const TM_Result outcome = table_tuple_update(relation, tid, slot, command, snapshot, InvalidSnapshot, true,
                                                 &failure, &lockMode, &indexes);
    if (outcome == TM_Ok && result->ri_NumIndices > 0 && indexes != TU_None)
        list_free(ExecInsertIndexTuples(result, slot, estate, true, false, nullptr, NIL, indexes == TU_Summarizing));
#else
    bool indexes;
    const TM_Result outcome = table_tuple_update(relation, tid, slot, command, snapshot, InvalidSnapshot, true,
                                                 &failure, &lockMode, &indexes);
    if (outcome == TM_Ok && result->ri_NumIndices > 0 && indexes)
        list_free(ExecInsertIndexTuples(result, slot, estate, true, false, nullptr, NIL));
#endif
    return outcome;
}

} // namespace standin::pg
