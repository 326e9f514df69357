#pragma once

#include <string>

#include "cdc/target/target_pg.h"

namespace standin::cdc {

/// Where a half of a changed key stands in the source's log, and so which other half it belongs to.
struct KeyChange {
    const std::string& source;
    TargetTable& table;
    std::string_view origin;
    std::string_view position; ///< empty: the halves find each other by the old key
};

/// A changed key comes as a delete and an insert, and the insert withholds TOASTed values that did not change. They are
/// carried over from the row that the delete removes, by way of standin_private.cdc_key_change: the two may come in
/// different batches, and in different partitions, so in either order. All of it is in the applying transaction. Keys
/// of headers are decoded only where the row itself must be found before its delete has come.

/// Before the delete of the row: remembers what the insert may withhold.
void keyLeaves(const KeyChange& change, const Cell* oldKey);

/// Before the insert: fills the cells that it withholds. `oldKey` is null if the record does not say it.
/// False, with nothing filled: the delete has not come, so the row may be yet to get its last values. If that `mayPass`
/// no longer, it throws: to take them as they are would be a guess.
bool keyArrives(const KeyChange& change, const Cell* oldKey, Cell* cells, Arena& arena, bool mayPass);

/// After the insert was applied. One that became a dead letter still needs what is remembered.
void keyArrived(const KeyChange& change, const Cell* oldKey);

/// A truncate was applied: halves from before it find each other no more.
void forgetKeyChanges(const std::string& source, const TargetTable& table, std::string_view origin,
                      std::string_view position);

/// What is remembered of the table's rows holds nothing in the clear that has become confidential. For a worker that
/// begins with a mapping, in a transaction of its own.
void maskKeyChanges(const std::string& source, const TableConfig& table);

/// Whether the target can withhold anything.
bool mayWithhold(const Target& target);

/// Whether the row withholds a value.
bool withholds(const Target& target, const Cell* cells);

/// Whether an insert may have to clear away what its delete has left for it. Looked up once, then noted by keyLeaves():
/// changed keys are rare. Not for sources with several workers, whose others leave something, too.
bool keyChangesWait(const std::string& source);

} // namespace standin::cdc
