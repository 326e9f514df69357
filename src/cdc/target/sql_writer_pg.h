#pragma once

#include <map>
#include <span>
#include <vector>

#include "cdc/target/row_match_writer_pg.h"

namespace standin::cdc {

/// Writes net changes by SQL statements, a prepared one for each set of columns that events bring: for tables whose
/// triggers, rules, policies, partitions or storage must see every row. The same result as HeapWriter's, by way of the
/// executor. Needs an SPI connection.
class SqlWriter {
public:
    /// `at` is the change that is being written, for the case of a failure; it stays as it is where triggers may be at
    /// fault.
    void apply(TargetTable& table, std::span<const NetChange> changes, size_t& at);

private:
    struct Statements {
        TargetStatement update; ///< none if the events bring key columns only
        TargetStatement moved;  ///< finds the row if its identity, which no UPDATE may set, is to be another one
        TargetStatement insert;
        TargetStatement remove;
    };

    Statements& statementsFor(TargetTable& table, const NetChange& change);
    void write(TargetTable& table, const NetChange& change);
    void removeMoved(TargetTable& table, const Statements& statements, const NetChange& change);
    void forget();

    uint64_t generation_ = 0;
    std::map<std::vector<bool>, Statements> statements_; ///< by which columns are given
    TargetStatement lookup_;
    RowMatchWriter unkeyed_;
};

} // namespace standin::cdc
