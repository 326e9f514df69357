#include "cdc/event/duplicates.h"

#include <algorithm>

#include "cdc/event/event.h"

namespace standin::cdc {

void PositionMarks::load(Mark mark) {
    marks_.push_back(std::move(mark));
    kept_ = marks_;
}

void PositionMarks::moveTo(Mark& mark, std::string_view position, const Event& event) {
    mark.position = position;
    mark.seen.restart(event.identity);
    mark.rewound = false;
    mark.changed = true;
}

PositionMarks::Verdict PositionMarks::judge(const Event& event) {
    if (event.position.empty()) {
        if (event.kind == EventKind::Truncate || (event.kind == EventKind::Row && event.operation != Operation::Read))
            doubt();
        return Verdict::New;
    }
    const std::string_view position = event.position.substr(0, event.position.size() - event.tail);
    const auto found =
        std::find_if(marks_.begin(), marks_.end(), [&](const Mark& one) { return one.origin == event.origin; });
    touched_ = true;
    if (found == marks_.end()) {
        if (marks_.size() >= maxOrigins)
            return Verdict::New;
        Mark& mark = marks_.emplace_back();
        mark.origin = event.origin;
        mark.micros = event.sourceMicros;
        moveTo(mark, position, event);
        return Verdict::New;
    }
    Mark& mark = *found;
    if (position > mark.position) {
        moveTo(mark, position, event);
        mark.micros = std::max(mark.micros, event.sourceMicros);
        return Verdict::New;
    }
    if (event.sourceMicros > mark.micros) {
        const bool atMark = position == mark.position;
        mark.micros = event.sourceMicros;
        if (atMark && event.unique && !mark.seen.contains(event.identity))
            return judgeAtMark(mark, event); // of another transaction, perhaps; those before it stay seen
        moveTo(mark, position, event);
        return atMark ? Verdict::New : Verdict::Restored;
    }
    if (position == mark.position)
        return judgeAtMark(mark, event);
    // Times of a binlog may be whole seconds. In another file such an event of the mark's very second could be one of
    // another server: it is applied, once too often rather than never.
    const bool sameFile = position.substr(0, event.segment) == std::string_view(mark.position).substr(0, event.segment);
    if (!sameFile && event.sourceMicros == mark.micros)
        return Verdict::New;
    mark.rewound = true;
    return Verdict::Seen;
}

/// A change without a position (a flattened topic's tombstone, what comes before the first commit that a connector
/// sees) may be one that comes again. It is applied, and what follows it in the stream is then needed again.
void PositionMarks::doubt() {
    for (Mark& mark : marks_) {
        touched_ = touched_ || !mark.position.empty();
        mark.changed = mark.changed || !mark.position.empty();
        mark.position.clear();
        mark.seen.clear();
        mark.rewound = false;
    }
}

/// Rows without a key may be equal and yet two: only in a stream that is being repeated is the equal one the same.
PositionMarks::Verdict PositionMarks::judgeAtMark(Mark& mark, const Event& event) {
    const bool known = mark.seen.contains(event.identity);
    if (known && (event.hasKey || event.unique || mark.rewound))
        return Verdict::Seen;
    if (!known && mark.seen.size() < maxSeen) {
        mark.seen.add(event.identity);
        mark.changed = true;
    }
    return Verdict::New;
}

void PositionMarks::restart() {
    if (touched_)
        marks_ = kept_;
    touched_ = false;
}

void PositionMarks::keep() {
    if (!touched_)
        return;
    for (Mark& mark : marks_)
        mark.changed = false;
    kept_ = marks_;
    touched_ = false;
}

} // namespace standin::cdc
