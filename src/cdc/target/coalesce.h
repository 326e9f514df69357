#pragma once

#include <span>
#include <vector>

#include "base/arena.h"
#include "cdc/value/change.h"

namespace standin::cdc {

/// What the changes of one key in a batch amount to.
struct NetChange {
    ChangeKind kind;
    uint32_t last;  ///< index of the key's last change in the span given
    uint32_t count; ///< of the key's changes
    Cell* cells;
    Cell* before = nullptr; ///< the whole row before, where the target has no key
};

/// Merges changes of one table, given in the order of arrival, to the last state of each key, sorted by key. A later
/// value wins; a column that the later event does not have, or whose value the source withheld, keeps the earlier one.
/// Where keys cannot be compared as cells, or there is none, the changes come back one by one, in their order.
class Coalescer {
public:
    std::span<const NetChange> run(const Target& target, std::span<const Change* const> changes, Arena& arena);
    /// Whether no key is twice among what came back last.
    bool distinct() const { return distinct_; }

private:
    void merge(const Target& target, NetChange& net, const Change& change, Arena& arena);
    uint32_t* slotFor(const Target& target, const Cell* cells);

    bool distinct_ = false;
    std::vector<NetChange> nets_;
    std::vector<uint32_t> slots_; ///< open hash over nets_, index + 1
};

/// Whether two values of a column are the same, as two events of one source write it.
bool sameCell(const TargetColumn& column, const Cell& left, const Cell& right);
bool sameKey(const Target& target, const Cell* left, const Cell* right);

/// Order of two keys: that of the index for integers and times, some order of its own for the rest.
int compareKeys(const Target& target, const Cell* left, const Cell* right);

} // namespace standin::cdc
