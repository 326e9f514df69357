#include "cdc/target_pg.h"

#include "pg/table_compat.h"

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
#include <commands/extension.h>
#include <nodes/makefuncs.h>
#include <commands/trigger.h>
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
/// nobody wants it. Without a key rows are matched by their values, which the executor does.
bool allowsDirectWrites(Relation relation, const TableConfig& config, bool hasKey) {
    const Form_pg_class form = relation->rd_rel;
    const TupleConstr* constraints = RelationGetDescr(relation)->constr;
    return form->relkind == RELKIND_RELATION && form->relam == HEAP_TABLE_AM_OID && !form->relispartition &&
           !form->relrowsecurity && !relation->rd_rules && (hasKey || config.history) &&
           (!relation->trigdesc || (config.skipForeignKeys && hasOnlyForeignKeyTriggers(relation->trigdesc))) &&
           !(constraints && pg::hasGeneratedColumns(constraints)) && !OidIsValid(get_extension_oid("citus", true));
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
        List* name = stringToQualifiedNameList(config_.plannedName->c_str());
        const Oid schema = get_namespace_oid(strVal(linitial(name)), true);
        return OidIsValid(schema) ? get_relname_relid(strVal(lsecond(name)), schema) : InvalidOid;
    });
    if (OidIsValid(relation_))
        return false;
    role_ = pg::call([this] { return get_role_oid(config_.applyRole->c_str(), false); });
    if (pg::call([this] { return superuser_arg(role_); }))
        throw Error("42501", "table " + *config_.plannedName + " is not created as a superuser", {},
                    "Call cdc_table_remove, then cdc_table_create with another owner.");
    name_ = *config_.plannedName;
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
    constexpr AclMode needed = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
    struct Rights {
        bool superuser;
        bool enough;
    };
    const Rights rights = pg::call([this] {
        return Rights{superuser_arg(role_), pg_class_aclmask(relation_, role_, needed, ACLMASK_ALL) == needed};
    });
    if (rights.superuser)
        throw Error("42501",
                    "change events are never applied as a superuser, and the role for table " + name_ + " is one", {},
                    "Give the table to another role, or name one: cdc_table_remove, then cdc_table_add(..., apply_role "
                    "=> ...).");
    if (!rights.enough)
        throw Error("42501", "the role for table " + name_ + " lacks SELECT, INSERT, UPDATE or DELETE on it");
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
    keyIndex_ = pg::call([relation] { return RelationGetPrimaryKeyIndex(relation); });
    requireSafeParts(relation);
    direct_ = pg::call([this, relation] { return allowsDirectWrites(relation, config_, OidIsValid(keyIndex_)); });
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
