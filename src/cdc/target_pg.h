#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cdc/column_pg.h"
#include "cdc/event.h"
#include "cdc/mapping_pg.h"
#include "pg/guard.h"
#include "pg/memory.h"

namespace standin::cdc {

enum class OnTruncate : uint8_t { DeadLetter, Ignore, Apply };
enum class SchemaEvolution : uint8_t { Ignore, Add, Fail };

/// What a target's column takes, where that is not the event's field of its name. For Drop, `name` is a field that is
/// stored nowhere.
struct ColumnMapping {
    enum class Kind : uint8_t { Field, Expression, Mask, Hash, Constant, Metadata, Drop };

    std::string name;
    Kind kind;
    std::string field;
    std::string argument;

    /// Whether the column stores a confidential field, masked or hashed.
    bool hides() const { return kind == Kind::Mask || kind == Kind::Hash; }
    bool operator==(const ColumnMapping&) const = default;
};

/// One row of standin_private.cdc_table. `topic` may be a pattern, which begins with ^.
struct TableConfig {
    std::string topic;
    Oid target; ///< invalid: the table is planned, the first event creates it
    bool history;
    std::optional<std::string> applyRole;
    OnTruncate onTruncate;
    SchemaEvolution schemaEvolution;
    bool skipForeignKeys;
    std::optional<std::string> rowFilter;
    std::optional<std::string> dataCollection;
    std::vector<ColumnMapping> columns;
    std::optional<std::string> plannedName; ///< quoted, with schema
    std::optional<std::string> hashKey;     ///< where a column is hashed, if there is one

    bool operator==(const TableConfig&) const = default;
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

} // namespace standin::cdc
