#pragma once

#include <map>

#include "cdc/target/coalesce.h"
#include "cdc/target/statement_pg.h"

namespace standin::cdc {

/// Writes to tables without a key, and appends to any: an update or delete finds one row that is equal to the whole row
/// before (REPLICA IDENTITY FULL at the source). Needs an SPI connection.
class RowMatchWriter {
public:
    void write(TargetTable& table, const NetChange& change);
    void forget();

private:
    struct Match {
        Oid table;
        ItemPointerData row;
    };

    void insert(TargetTable& table, const NetChange& change);
    std::optional<Match> find(TargetTable& table, const Cell* before);
    TargetStatement findStatement(TargetTable& table, const std::vector<uint8_t>& kinds) const;

    std::map<std::vector<bool>, TargetStatement> inserts_;  ///< by which columns are given
    std::map<std::vector<bool>, TargetStatement> updates_;  ///< the same
    std::map<std::vector<uint8_t>, TargetStatement> finds_; ///< by which columns are null or unknown
    TargetStatement delete_;
};

} // namespace standin::cdc
