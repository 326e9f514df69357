#include "cdc/target/target_pg.h"

#include "pg/owner.h"
#include "pg/table_compat.h"
#include "pg/user_code.h"

extern "C" {
#include <access/genam.h>
#include <access/relation.h>
#include <access/table.h>
#include <access/tableam.h>
#include <catalog/namespace.h>
#include <catalog/pg_am_d.h>
#include <catalog/pg_attribute.h>
#include <catalog/pg_collation.h>
#include <catalog/pg_index.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_namespace_d.h>
#include <nodes/makefuncs.h>
#include <commands/trigger.h>
#include <utils/fmgroids.h>
#include <utils/inval.h>
#include <utils/rel.h>
#include <utils/regproc.h>
#include <utils/relcache.h>
}

namespace standin::cdc {

namespace {

/// Counts invalidations of any relation; cheap, and a rebuild too many costs little.
uint64_t invalidations = 1;

void onRelationChange(Datum, Oid) { ++invalidations; }

void watchRelations() {
    static bool watching = false;
    if (watching)
        return;
    pg::call([] { CacheRegisterRelcacheCallback(onRelationChange, 0); });
    watching = true;
}

bool hasOnlyForeignKeyTriggers(const TriggerDesc* triggers) {
    for (int i = 0; i < triggers->numtriggers; ++i)
        if (RI_FKey_trigger_type(triggers->triggers[i].tgfoid) == RI_TRIGGER_NONE)
            return false;
    return true;
}

/// Rows put straight into a heap are seen by no trigger, rule, policy or router: only where there is none of them, or
/// (foreign keys) nobody wants it. Without a key rows are matched by their values, which the executor does. The answer
/// is what stands in the way; null if nothing does.
const char* obstacleToDirectWrites(Relation relation, bool skipsForeignKeys, bool isHistory) {
    const Form_pg_class form = relation->rd_rel;
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    if (form->relkind != RELKIND_RELATION || form->relispartition)
        return "is partitioned or a partition";
    if (form->relam != HEAP_TABLE_AM_OID)
        return "is not an ordinary heap";
    if (form->relrowsecurity || relation->rd_rules)
        return "has row security or rules";
    if (!isHistory && !OidIsValid(pg::primaryKeyIndex(relation)))
        return "has no primary key";
    if (relation->trigdesc && !(skipsForeignKeys && hasOnlyForeignKeyTriggers(relation->trigdesc)))
        return "has triggers";
    if (constraints && pg::hasGeneratedColumns(constraints))
        return "has generated columns";
    return nullptr;
}

/// PostgreSQL code. A table of another owner that refers to this one; null if there is none.
const char* referenceOfAnotherOwner(Relation relation) {
    const TriggerDesc* triggers = relation->trigdesc;
    for (int i = 0; triggers && i < triggers->numtriggers; ++i) {
        const Trigger& trigger = triggers->triggers[i];
        if (RI_FKey_trigger_type(trigger.tgfoid) != RI_TRIGGER_PK || !OidIsValid(trigger.tgconstrrelid))
            continue;
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(trigger.tgconstrrelid));
        if (!HeapTupleIsValid(tuple))
            continue;
        const auto* other = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        const char* name = other->relowner == relation->rd_rel->relowner ? nullptr : pstrdup(NameStr(other->relname));
        ReleaseSysCache(tuple);
        if (name)
            return name;
    }
    return nullptr;
}

struct UnsafePart {
    const char* name; ///< null: there is none
    bool isForeign;
};

/// The first of the table and its partitions whose rows do not go with the offsets: a crash empties what is unlogged,
/// and a foreign server commits by itself. Partitions are not locked: one may be gone by now.
UnsafePart findUnsafePart(Relation relation) {
    List* parts = relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE
                      ? find_all_inheritors(RelationGetRelid(relation), NoLock, nullptr)
                      : list_make1_oid(RelationGetRelid(relation));
    ListCell* cell;
    foreach (cell, parts) {
        HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
        if (!HeapTupleIsValid(tuple))
            continue;
        const auto* part = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        const bool isForeign = part->relkind == RELKIND_FOREIGN_TABLE;
        const bool isUnsafe = isForeign || part->relpersistence != RELPERSISTENCE_PERMANENT;
        const char* name = isUnsafe ? pstrdup(NameStr(part->relname)) : nullptr;
        ReleaseSysCache(tuple);
        if (isUnsafe)
            return {name, isForeign};
    }
    return {nullptr, false};
}

/// Also of partitions that came since the table became a target.
void requireSafeParts(Relation relation) {
    const UnsafePart part = pg::call([relation] { return findUnsafePart(relation); });
    if (!part.name)
        return;
    const std::string name = part.name;
    if (part.isForeign)
        throw Error("42809", "partition " + name + " is a foreign table: its server commits without the offsets", {},
                    "ALTER TABLE ... DETACH PARTITION.");
    throw Error("42809", "table " + name + " is unlogged: a crash would empty it, and the offsets would stay", {},
                "ALTER TABLE ... SET LOGGED.");
}

/// PostgreSQL code. Citus' list of the tables whose rows lie elsewhere; who has no such list has no such tables.
bool isDistributed(Oid target) {
    const Oid list = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    const AttrNumber column = OidIsValid(list) ? get_attnum(list, "logicalrelid") : InvalidAttrNumber;
    if (column == InvalidAttrNumber)
        return false;
    Relation relation = table_open(list, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(target));
    SysScanDesc scan = systable_beginscan(relation, InvalidOid, false, nullptr, 1, &key);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    table_close(relation, AccessShareLock);
    return found;
}

/// Also of a table that was distributed since it became a target.
void requireLocal(Relation relation) {
    if (pg::call([relation] { return isDistributed(RelationGetRelid(relation)); }))
        throw Error("0A000", std::string("table ") + RelationGetRelationName(relation) + " is distributed (Citus)",
                    "Its rows lie on other servers, whose commits are not that of the offsets.",
                    "Call undistribute_table, or standin.cdc_table_remove and replicate into a table of this server.");
}

bool hasDeferrableTriggers(Relation relation) {
    const TriggerDesc* triggers = relation->trigdesc;
    for (int i = 0; triggers && i < triggers->numtriggers; ++i)
        if (triggers->triggers[i].tgdeferrable)
            return true;
    return false;
}

} // namespace

TargetTable::TargetTable(const TableConfig& config)
    : config_(config), context_(pg::call([] {
          return AllocSetContextCreate(TopMemoryContext, "pg_standin cdc target", ALLOCSET_SMALL_SIZES);
      })) {
    watchRelations();
    if (!config_.columns.empty() || config_.rowFilter)
        mapper_ = std::make_unique<RowMapper>(config_);
}

TargetTable::~TargetTable() { MemoryContextDelete(context_); }

/// Its decoder has no columns then: every field is unknown, which asks for its creation.
bool TargetTable::isStillPlanned() {
    relation_ = config_.target;
    if (!config_.plannedName)
        return false;
    relation_ = pg::call([this] {
        // By the catalog alone: the schema may be closed to the role that looks, and open to the one that will own it.
        List* name = pg::qualifiedNameList(config_.plannedName->c_str());
        const Oid schema = get_namespace_oid(strVal(linitial(name)), true);
        return OidIsValid(schema) ? get_relname_relid(strVal(lsecond(name)), schema) : InvalidOid;
    });
    if (OidIsValid(relation_))
        return false;
    role_ = pg::call([this] { return get_role_oid(config_.applyRole->c_str(), false); });
    name_ = *config_.plannedName;
    requireUserRole();
    decoder_ = std::make_unique<TableDecoder>(Target{});
    seenInvalidations_ = 0;
    return true;
}

void TargetTable::prepare() {
    if (isStillPlanned())
        return;
    Relation relation = pg::call([this] { return try_relation_open(relation_, RowExclusiveLock); });
    if (!relation)
        throw Error("42P01", "the target table of topic \"" + topic() + "\" does not exist any more", {},
                    "Call standin.cdc_table_remove, or restore the table and add it again.");
    if (seenInvalidations_ != invalidations || !decoder_) {
        const uint64_t seen = invalidations;
        rebuild(relation);
        seenInvalidations_ = seen;
    }
    checkRole(relation);
    pg::call([relation] { relation_close(relation, NoLock); });
}

void TargetTable::checkRole(Relation relation) {
    role_ = config_.applyRole ? pg::call([this] { return get_role_oid(config_.applyRole->c_str(), false); })
                              : relation->rd_rel->relowner;
    requireUserRole();
    constexpr AclMode needed = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
    if (!pg::call([this] { return pg_class_aclmask(relation_, role_, needed, ACLMASK_ALL) == needed; }))
        throw Error("42501", "the role for table " + name_ + " lacks SELECT, INSERT, UPDATE or DELETE on it");
}

void TargetTable::requireUserRole() const {
    if (!pg::mayRunUserCode(role_))
        throw Error("42501",
                    "change events are never applied as a superuser or a role of pg_standin, nor as a member of one, "
                    "and the role for table " +
                        name_ + " is one",
                    {},
                    "Give the table to another role, or name one: cdc_table_remove, then cdc_table_add(..., apply_role "
                    "=> ...).");
}

std::optional<std::string> TargetTable::textOf(size_t column, const Cell* cells) {
    if (pg::isBuiltIn(columns_[column].type))
        return cellToText(columns_[column], cells[column]);
    const pg::RoleScope role(role_);
    return cellToText(columns_[column], cells[column]);
}

void requireSkippable(Relation relation, bool isHistory) {
    struct Reason {
        const char* obstacle;
        const char* reference;
    };
    const Reason reason = pg::call([=] {
        return Reason{obstacleToDirectWrites(relation, true, isHistory), referenceOfAnotherOwner(relation)};
    });
    const std::string refusal =
        std::string("foreign keys of table ") + RelationGetRelationName(relation) + " cannot be skipped";
    constexpr const char* hint = "Set foreign_keys => 'enforce', or change the table.";
    if (reason.obstacle)
        throw Error("55000", refusal + ": it " + reason.obstacle,
                    "They are skipped where rows are put straight into an ordinary table only: no other code may run "
                    "without its foreign keys and triggers.",
                    hint);
    if (reason.reference)
        throw Error("55000", refusal + ": table " + reason.reference + ", which refers to it, has another owner", {},
                    hint);
}

void TargetTable::rebuild(Relation relation) {
    pg::call([this] { MemoryContextReset(context_); });
    insertSlots_ = nullptr;
    Target target;
    target.history = config_.history;
    target.name = RelationGetRelationName(relation);
    name_ = pg::call([relation] {
        return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
                                          RelationGetRelationName(relation));
    });
    keyIndex_ = pg::call([relation] { return pg::primaryKeyIndex(relation); });
    requireSafeParts(relation);
    requireLocal(relation);
    if (config_.skipForeignKeys)
        requireSkippable(relation, config_.history);
    direct_ = !pg::call(
        [this, relation] { return obstacleToDirectWrites(relation, config_.skipForeignKeys, config_.history); });
    triggers_ = relation->trigdesc != nullptr;
    deferredTriggers_ = hasDeferrableTriggers(relation);
    describeColumns(relation, target);
    target.wholeDeletes = target.history;
    if (mapper_)
        mapper_->describe(target, columns_);
    decoder_ = std::make_unique<TableDecoder>(std::move(target));
    ++generation_;
}

TupleTableSlot** TargetTable::insertSlots(Relation relation) {
    if (!insertSlots_) {
        const MemoryContext caller = MemoryContextSwitchTo(context_);
        // A copy is not counted by resource owners, so the slots outlive transactions, however these end.
        const TupleDesc descriptor = CreateTupleDescCopy(RelationGetDescr(relation));
        auto** slots = static_cast<TupleTableSlot**>(palloc(sizeof(TupleTableSlot*) * insertSlotCount));
        for (int i = 0; i < insertSlotCount; ++i)
            slots[i] = MakeSingleTupleTableSlot(descriptor, table_slot_callbacks(relation));
        MemoryContextSwitchTo(caller);
        insertSlots_ = slots;
    }
    return insertSlots_;
}

void TargetTable::describeColumns(Relation relation, Target& target) {
    const TupleDesc descriptor = RelationGetDescr(relation);
    columns_ = static_cast<ColumnConversion*>(pg::call([&] {
        return MemoryContextAllocZero(context_, sizeof(ColumnConversion) * static_cast<size_t>(descriptor->natts));
    }));
    std::vector<int> positions(static_cast<size_t>(descriptor->natts) + 1, -1);
    for (int i = 0; i < descriptor->natts; ++i) {
        const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
        if (attribute->attisdropped)
            continue;
        ColumnConversion& column = columns_[target.columns.size()];
        column = conversionOf(attribute, context_);
        positions[static_cast<size_t>(attribute->attnum)] = static_cast<int>(target.columns.size());
        target.columns.push_back(targetColumnOf(attribute, column));
    }
    if (!OidIsValid(keyIndex_))
        return;
    const Relation index = pg::call([this] { return index_open(keyIndex_, AccessShareLock); });
    for (int i = 0; i < index->rd_index->indnkeyatts; ++i) {
        const int position = positions[static_cast<size_t>(index->rd_index->indkey.values[i])];
        target.key.push_back(static_cast<uint16_t>(position));
        target.comparableKey = target.comparableKey && isComparableKey(columns_[position], index->rd_indcollation[i]);
    }
    pg::call([index] { index_close(index, NoLock); });
}

} // namespace standin::cdc
