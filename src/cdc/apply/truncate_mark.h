#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cdc/event/duplicates.h"
#include "cdc/event/event.h"

namespace standin::cdc {

/// Where a truncate is in its source's log, and when it was: what of its topic's other partitions is from before it is
/// not to be seen again, what is from after it stays.
struct TruncateMark {
    std::string origin;
    std::string position;
    int64_t sourceMicros = 0;
    int64_t debeziumMicros = 0;
    uint8_t segment = 0; ///< see PositionMarks
};

/// Not Oracle's by LogMiner: each redo thread has an order of its own, and other threads' rows are the table's, too.
bool isComparable(const Event& truncate);
TruncateMark markOf(const Event& truncate);

enum class Side : uint8_t { Before, After, Unknown };

/// On which side of the truncate an event is. What has no position of the same log is told by its time: a row that was
/// only read (snapshots) by when the connector made the event, since that is one clock; a change by its commit.
Side sideOf(const TruncateMark& mark, const Event& event);

/// How far a partition was applied, as far as it is known.
struct PartitionProgress {
    std::vector<PositionMarks::Mark> marks;
    std::optional<int64_t> debeziumMicros; ///< when the connector made the last event
};

/// Whether anything from after the truncate may have been applied from a partition: only what is surely not, is not.
/// Throws Error where the partition's rows and the truncate cannot be compared, or the truncate is not theirs.
bool mayBeAhead(const TruncateMark& mark, const PartitionProgress& progress);

/// Reads what was applied from one partition again, for what of it is from after the truncate. It begins somewhere near
/// the truncate, and if that was too late, with a stretch before it, until it is whole.
class AppliedRange {
public:
    AppliedRange(const TruncateMark& mark, const PartitionProgress& progress);

    /// The records that follow are an earlier stretch than those so far.
    void beginStretch() { first_.reset(); }
    Side take(const Event& event);

    /// Whether nothing from after the truncate can be missing: the stretch begins before it, and the furthest place
    /// that the partition has been at is in it. A connector that restarts sends its log again without a gap, from
    /// somewhere before; between such a beginning and that place is everything, whatever restarts there were.
    bool whole() const { return begins_ && reaches(); }
    /// The same of a range that begins with the partition's first record.
    bool reaches() const { return furthest_.empty() || reached_; }

private:
    const TruncateMark& mark_;
    std::string furthest_; ///< empty: not known, or not beyond the truncate
    bool reached_ = false;
    bool begins_ = false; ///< before the truncate
    std::optional<Side> first_;
};

} // namespace standin::cdc
