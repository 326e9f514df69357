#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cdc/event.h"
#include "pg/guard.h"
#include "pg/memory.h"

namespace standin::cdc {

/// How a cell becomes a Datum of one column.
struct ColumnConversion {
    AttrNumber attribute;
    Oid type;
    Oid baseType; ///< of a domain, else the type itself
    int32_t typmod;
    int16_t length;
    bool byValue;
    ColumnType kind;
    FmgrInfo input;
    Oid inputParameter;
    void* domainState;
};

/// A target table as both sides see it: the engine's Target and what the appliers need. Rebuilt when the relation
/// changes.
class TargetTable {
public:
    TargetTable(std::string topic, Oid relation, std::optional<std::string> applyRole, bool ignoreTruncate);
    ~TargetTable();
    TargetTable(const TargetTable&) = delete;
    TargetTable& operator=(const TargetTable&) = delete;

    /// Locks the relation for writing and rebuilds what changed. Once a transaction, before events are decoded; checks
    /// that the role may do what it has to.
    void prepare();

    const std::string& topic() const { return topic_; }
    Oid relation() const { return relation_; }
    Oid role() const { return role_; }
    Oid keyIndex() const { return keyIndex_; }
    bool ignoreTruncate() const { return ignoreTruncate_; }
    TableDecoder& decoder() { return *decoder_; }
    const Target& target() const { return decoder_->target; }
    ColumnConversion* columns() { return columns_; }
    /// Quoted name with schema.
    const std::string& name() const { return name_; }
    /// Rows may be written straight into the heap; otherwise by SQL.
    bool direct() const { return direct_; }
    bool hasDeferredTriggers() const { return deferredTriggers_; }
    MemoryContext context() const { return context_; }
    /// Rises with each rebuild: plans made for an older one are void.
    uint64_t generation() const { return generation_; }

private:
    void rebuild(Relation relation);
    void checkRole(Relation relation);
    void describeColumns(Relation relation, Target& target);

    std::string topic_;
    Oid relation_;
    std::optional<std::string> applyRole_;
    bool ignoreTruncate_;
    Oid role_ = InvalidOid;
    Oid keyIndex_ = InvalidOid;
    std::string name_;
    bool direct_ = false;
    bool deferredTriggers_ = false;
    MemoryContext context_;
    ColumnConversion* columns_ = nullptr;
    std::unique_ptr<TableDecoder> decoder_;
    uint64_t generation_ = 0;
    uint64_t seenInvalidations_ = 0;
};

/// The Datum of a given cell, in the current memory context. PostgreSQL code: call inside a guard. The cell is neither
/// absent nor unavailable.
Datum cellToDatum(ColumnConversion& column, const Cell& cell, bool* isNull);

/// The cell's value as text, for keys that other rooms compare; nothing if it has none.
std::optional<std::string> cellToText(ColumnConversion& column, const Cell& cell);

} // namespace standin::cdc
