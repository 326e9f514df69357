#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "cdc/coalesce.h"
#include "cdc/target_pg.h"

namespace standin::cdc {

/// Writes net changes by SQL statements, a prepared one for each set of columns that events bring: for tables whose
/// triggers, rules, policies, partitions or storage must see every row. The same result as HeapWriter's, by way of the
/// executor. Needs an SPI connection.
class SqlWriter {
public:
    SqlWriter() = default;
    ~SqlWriter() { forget(); }
    SqlWriter(const SqlWriter&) = delete;
    SqlWriter& operator=(const SqlWriter&) = delete;

    void apply(TargetTable& table, std::span<const NetChange> changes);

private:
    struct Plans {
        SPIPlanPtr update = nullptr; ///< none if the events bring key columns only
        SPIPlanPtr insert = nullptr;
        SPIPlanPtr remove = nullptr;
        std::vector<uint16_t> parameters; ///< columns in the order of the statements' parameters; the key first
    };

    Plans& plansFor(TargetTable& table, const NetChange& change);
    void write(TargetTable& table, const NetChange& change);
    uint64_t execute(TargetTable& table, SPIPlanPtr plan, const Plans& plans, const NetChange& change);
    void forget();

    uint64_t generation_ = 0;
    std::map<std::vector<bool>, Plans> plans_; ///< by which columns are given
    SPIPlanPtr lookup_ = nullptr;
};

} // namespace standin::cdc
