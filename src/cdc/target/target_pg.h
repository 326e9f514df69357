#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cdc/config/table_config_pg.h"
#include "cdc/event/event.h"
#include "cdc/target/row_mapper_pg.h"
#include "cdc/value/column_pg.h"
#include "pg/guard.h"
#include "pg/memory.h"

namespace standin::cdc {

/// A target cannot be written, and that is the table's own trouble: those of other tables can go on.
class TableStopped : public Error {
public:
    TableStopped(uint32_t table, const std::string& sqlstate, const std::string& what, std::string hint)
        : Error(sqlstate.c_str(), what, {}, std::move(hint)), table_(table) {}
    /// Its index among the source's.
    uint32_t table() const { return table_; }

private:
    uint32_t table_;
};

/// A target table as both sides see it: the engine's Target and what the appliers need. Rebuilt when the relation
/// changes.
class TargetTable {
public:
    explicit TargetTable(const TableConfig& config);
    ~TargetTable();
    TargetTable(const TargetTable&) = delete;
    TargetTable& operator=(const TargetTable&) = delete;

    static constexpr int insertSlotCount = 1000; ///< as many as COPY buffers

    /// Locks the relation for writing and rebuilds what changed. Once a transaction, before events are decoded; checks
    /// that the role may do what it has to.
    void prepare();

    const TableConfig& config() const { return config_; }
    const std::string& topic() const { return config_.topic; }
    /// Invalid while the table is planned and does not exist.
    Oid relation() const { return relation_; }
    Oid role() const { return role_; }
    Oid keyIndex() const { return keyIndex_; }
    TableDecoder& decoder() { return *decoder_; }
    const Target& target() const { return decoder_->target; }
    ColumnConversion* columns() { return columns_; }
    /// A column's value among the cells of a row, as text; nothing if it has none. What a type does that is not built
    /// in is user code, and done as the table's role.
    std::optional<std::string> textOf(size_t column, const Cell* cells);
    /// Null if columns simply take the fields of their names.
    RowMapper* mapper() { return mapper_.get(); }
    /// Quoted name with schema.
    const std::string& name() const { return name_; }
    /// Rows may be written straight into the heap; otherwise by SQL.
    bool direct() const { return direct_; }
    bool hasTriggers() const { return triggers_; }
    bool hasDeferredTriggers() const { return deferredTriggers_; }
    MemoryContext context() const { return context_; }
    /// Slots for rows that wait to be inserted together: made once for each shape of the table, not once a batch.
    /// PostgreSQL code: call inside a guard.
    TupleTableSlot** insertSlots(Relation relation);
    /// Rises with each rebuild: plans made for an older one are void.
    uint64_t generation() const { return generation_; }

private:
    void rebuild(Relation relation);
    bool isStillPlanned();
    void checkRole(Relation relation);
    void requireUserRole() const;
    void describeColumns(Relation relation, Target& target);

    const TableConfig config_;
    Oid relation_ = InvalidOid;
    Oid role_ = InvalidOid;
    Oid keyIndex_ = InvalidOid;
    std::string name_;
    bool direct_ = false;
    bool triggers_ = false;
    bool deferredTriggers_ = false;
    MemoryContext context_;
    ColumnConversion* columns_ = nullptr;
    TupleTableSlot** insertSlots_ = nullptr;
    std::unique_ptr<RowMapper> mapper_;
    std::unique_ptr<TableDecoder> decoder_;
    uint64_t generation_ = 0;
    uint64_t seenInvalidations_ = 0;
};

/// Throws why foreign keys cannot be skipped, if they cannot: where rows are not put straight into the heap, only
/// session_replication_role would skip them, and code of users that runs beside the write would have it too. Nor are
/// references skipped that another owner's table makes to this one.
void requireSkippable(Relation relation, bool isHistory);

} // namespace standin::cdc
