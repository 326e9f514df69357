#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/guard.h"

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

enum class OnMessage : uint8_t { Ignore, Store, Call };

/// What becomes of the source's logical messages.
struct MessagePolicy {
    OnMessage action = OnMessage::Ignore;
    std::string function; ///< qualified, with the types of its arguments
};

} // namespace standin::cdc
