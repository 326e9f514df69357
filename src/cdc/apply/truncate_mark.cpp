#include "cdc/apply/truncate_mark.h"

#include <algorithm>

#include "base/error.h"

namespace standin::cdc {

namespace {

Side sideByTime(int64_t event, int64_t truncate) {
    if (event == 0 || truncate == 0 || event == truncate)
        return Side::Unknown;
    return event < truncate ? Side::Before : Side::After;
}

std::string_view connectorOf(std::string_view origin) { return origin.substr(0, origin.find('/')); }

const PositionMarks::Mark* markIn(const std::vector<PositionMarks::Mark>& marks, const std::string& origin) {
    const auto found = std::find_if(marks.begin(), marks.end(), [&](const auto& one) { return one.origin == origin; });
    return found == marks.end() ? nullptr : &*found;
}

[[noreturn]] void refuse(const char* why) {
    throw Error("22023", std::string("the source table was truncated, and its topic has several partitions: ") + why,
                "",
                "Delete by hand what is from before the truncate, then discard the record; or use a topic of one "
                "partition, or consistency \"transaction\".");
}

} // namespace

bool isComparable(const Event& truncate) { return !truncate.position.empty() && truncate.tail == 0; }

TruncateMark markOf(const Event& truncate) {
    if (!isComparable(truncate))
        refuse("the truncate has no place in the source's log by which it could be compared with their records");
    return {std::string(truncate.origin), std::string(truncate.position), truncate.sourceMicros,
            truncate.debeziumMicros, truncate.segment};
}

/// Later in time but not beyond it in the log: the source was restored, see PositionMarks.
Side sideOf(const TruncateMark& mark, const Event& event) {
    if (!event.position.empty() && event.origin == mark.origin)
        return event.position <= mark.position && event.sourceMicros <= mark.sourceMicros ? Side::Before : Side::After;
    if (event.kind == EventKind::Row && event.operation == Operation::Read)
        return sideByTime(event.debeziumMicros, mark.debeziumMicros);
    return sideByTime(event.sourceMicros, mark.sourceMicros);
}

bool mayBeAhead(const TruncateMark& mark, const PartitionProgress& progress) {
    for (const PositionMarks::Mark& other : progress.marks) {
        if (other.origin == mark.origin)
            continue;
        // Of one MySQL after another (a failover) the earlier one's rows are the same table's.
        if (mark.segment == 0 || connectorOf(other.origin) != connectorOf(mark.origin))
            refuse("another database than the truncated table's has rows in it, too");
        if (other.micros >= mark.sourceMicros)
            refuse("one of them was fed by another server at the time of the truncate or later");
    }
    const PositionMarks::Mark* own = markIn(progress.marks, mark.origin);
    if (own && own->position > mark.position) {
        if (own->micros < mark.sourceMicros)
            refuse("the source was restored to a place before what was applied");
        return true;
    }
    const bool ofEarlierTime = progress.debeziumMicros && *progress.debeziumMicros < mark.debeziumMicros;
    return !ofEarlierTime || (own && own->position.empty());
}

AppliedRange::AppliedRange(const TruncateMark& mark, const PartitionProgress& progress) : mark_(mark) {
    const PositionMarks::Mark* own = markIn(progress.marks, mark.origin);
    if (own && own->position > mark.position)
        furthest_ = own->position;
}

Side AppliedRange::take(const Event& event) {
    const Side side = sideOf(mark_, event);
    if (!first_ && side != Side::Unknown) {
        first_ = side;
        begins_ = side == Side::Before;
    }
    reached_ |= !furthest_.empty() && event.origin == mark_.origin && event.position == furthest_;
    return side;
}

} // namespace standin::cdc
