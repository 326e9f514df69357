#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::cdc {

/// A column as a connector's schema history describes it (Debezium's ConnectTableChangeSerializer).
struct SourceColumn {
    std::string name;
    std::string typeName; ///< the database's own
    std::optional<int32_t> length;
    std::optional<int32_t> scale;
    std::string comment;
};

struct SourceTable {
    std::string connector;
    std::vector<SourceColumn> columns;
    std::vector<std::string> key;
    std::string comment;
    std::vector<std::string> altered; ///< columns whose values were once written otherwise

    const SourceColumn* find(std::string_view name) const;
};

struct TableChange {
    bool dropped = false;
    /// Its database, schema and name as topics write them, and the same without the first, which Oracle's and Db2's
    /// topics leave out.
    std::string collection, shortCollection;
    std::string definition; ///< JSON; empty if dropped
};

struct TableChanges {
    std::string connector;
    std::vector<TableChange> changes;
};

/// Of a record of a schema change topic, with its schema or without. Throws Error (22023) if it is none.
TableChanges parseTableChanges(std::string_view record);

/// Of a definition; `altered` may stand beside what the connector says. Throws Error (22023) if it is none.
SourceTable parseSourceTable(std::string_view definition, std::string connector);

} // namespace standin::cdc
