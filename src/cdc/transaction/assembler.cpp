#include "cdc/transaction/assembler.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace standin::cdc {

namespace {

constexpr CurrentTransaction::Place anyPlace{std::numeric_limits<int64_t>::max(), false, 0};

CurrentTransaction::Place before(CurrentTransaction::Place place) {
    --std::get<2>(place);
    return place;
}

} // namespace

uint32_t TransactionAssembler::addPartition(std::string name, const std::string& collection, int64_t next) {
    Partition partition;
    partition.name = std::move(name);
    partition.collection = collections_.add(collection);
    partition.read = next;
    partitions_.push_back(std::move(partition));
    return static_cast<uint32_t>(partitions_.size() - 1);
}

void TransactionAssembler::add(uint32_t index, Held record, Clock::time_point now) {
    Partition& partition = partitions_[index];
    if (current_ && record.mark.id == current_->id())
        current_->noteChange(now);
    STANDIN_ASSERT(record.offset >= partition.read);
    partition.read = record.offset + 1;
    partition.bytes += record.bytes;
    partition.held.push_back(std::move(record));
    partition.arrivals.push_back(now);
}

void TransactionAssembler::addBoundary(Boundary boundary, Clock::time_point now) {
    topicRead_ = std::max(topicRead_, boundary.offset + 1);
    if (current_ && boundary.id == current_->id())
        current_->noteChange(now);
    if (current_)
        current_->lookAhead(boundary);
    boundaries_.push_back(std::move(boundary));
}

void TransactionAssembler::remember(const std::string& id) {
    if (!released_.insert(id).second)
        return;
    releasedInOrder_.push_back(id);
    if (releasedInOrder_.size() > maxReleased) {
        released_.erase(releasedInOrder_.front());
        releasedInOrder_.pop_front();
    }
}

void TransactionAssembler::reached(uint32_t partition, int64_t offset) {
    partitions_[partition].read = std::max(partitions_[partition].read, offset);
}

bool TransactionAssembler::isFull(const Partition& partition) const {
    return partition.held.size() >= limits_.heldRecords || partition.bytes >= limits_.heldBytes;
}

bool TransactionAssembler::hasRoom(uint32_t partition) const { return !isFull(partitions_[partition]); }

int64_t TransactionAssembler::nextOffset(uint32_t index) const {
    const Partition& partition = partitions_[index];
    return partition.held.empty() ? partition.read : partition.held.front().offset;
}

int64_t TransactionAssembler::topicNext() const {
    if (current_)
        return current_->offset();
    return boundaries_.empty() ? topicRead_ : boundaries_.front().offset;
}

Release TransactionAssembler::next(Clock::time_point now) {
    Release release;
    while (true) {
        takeOpen(release);
        if (isOver(release))
            return release;
        advance(now);
        if (!current_)
            break;
        const Extent extent = measure();
        const bool giveUp = limits_.applyOnStall && release.partitions.empty() && isStalled(extent, now);
        if (!giveUp && !isComplete(extent)) {
            if (release.partitions.empty() && takeLaterRun(now))
                continue;
            if (release.partitions.empty() || current_->partlyTaken())
                takePart(extent, release);
            return release;
        }
        if (giveUp && !isComplete(extent))
            for (const size_t records : extent.prefix)
                release.incomplete += static_cast<int64_t>(records);
        const bool wasParted = current_->partlyTaken();
        takeExtent(extent.prefix, release, anyPlace);
        finish();
        if (wasParted)
            return release; // its local transaction ends here
    }
    if (limits_.applyOnStall && release.partitions.empty())
        takeStranded(release, now);
    return release;
}

/// What may go whatever the current transaction is: records that belong to none, and duplicates of released ones.
bool TransactionAssembler::isOpen(const Held& record) const {
    if (record.mark.id.empty())
        return !record.mark.change;
    return released_.contains(record.mark.id) && !(current_ && current_->id() == record.mark.id);
}

bool TransactionAssembler::isOver(const Release& release) const {
    return release.partitions.size() >= limits_.records || release.bytes >= limits_.bytes;
}

void TransactionAssembler::take(uint32_t index, Release& release) {
    Partition& partition = partitions_[index];
    const Held& record = partition.held.front();
    if (current_ && current_->counts(record, partition.lastOrder))
        current_->take(partition.collection, record);
    if (current_ && record.mark.id == current_->id())
        partition.lastTaken = std::max(partition.lastTaken, CurrentTransaction::place(record));
    release.partitions.push_back(index);
    STANDIN_ASSERT(partition.bytes >= record.bytes);
    release.bytes += record.bytes;
    partition.bytes -= record.bytes;
    partition.held.pop_front();
    partition.arrivals.pop_front();
}

void TransactionAssembler::takeOpen(Release& release) {
    for (uint32_t index = 0; index < partitions_.size(); ++index)
        while (!partitions_[index].held.empty() && isOpen(partitions_[index].held.front()) && !isOver(release))
            take(index, release);
}

/// Reads the transaction topic up to the END of the current transaction, and further only if that is not enough: the
/// connector may have lost events in a crash and have begun anew.
void TransactionAssembler::advance(Clock::time_point now) {
    while (!boundaries_.empty()) {
        const Boundary& front = boundaries_.front();
        if (!current_ && !released_.contains(front.id))
            current_.emplace(front, collections_, now);
        else if (current_ && front.id == current_->id() && !(current_->ended() && isComplete(measure())))
            current_->follow(front, now);
        else if (!released_.contains(front.id) || (current_ && current_->ended() && isComplete(measure())))
            return;
        boundaries_.pop_front();
        lookAhead();
    }
}

/// Only the END after a restart counts less than the whole.
void TransactionAssembler::lookAhead() {
    if (current_ && current_->ended() && current_->restarted())
        for (const Boundary& later : boundaries_)
            current_->lookAhead(later);
}

/// A connector that dies may have lost events of this transaction where it had already begun others elsewhere: each
/// partition, and the transaction topic, may be of another broker. It then begins this one again behind those. As soon
/// as the transaction is whole as such a later run has it, that is how it is taken. Its earlier run may still become
/// whole itself, so it is given up no sooner.
bool TransactionAssembler::takeLaterRun(Clock::time_point now) {
    if (current_->partlyTaken())
        return false;
    std::vector<size_t> own;
    for (size_t i = 0; i < boundaries_.size(); ++i)
        if (boundaries_[i].id == current_->id())
            own.push_back(i);
    laterRuns_ =
        static_cast<size_t>(std::count_if(own.begin(), own.end(), [&](size_t i) { return !boundaries_[i].end; }));
    if (laterRuns_ == 0 || laterRuns_ > runsBeforeBarrier_)
        return false;
    const CurrentTransaction earlier = *current_;
    for (size_t n = 0; n < own.size(); ++n) {
        current_->follow(boundaries_[own[n]], now);
        if (!boundaries_[own[n]].end)
            continue;
        current_->setBarrier(laterBarrier_);
        for (size_t later = n + 1; later < own.size(); ++later)
            current_->lookAhead(boundaries_[own[later]]);
        if (!isComplete(measure()))
            continue;
        for (size_t taken = n + 1; taken-- > 0;)
            boundaries_.erase(boundaries_.begin() + static_cast<ptrdiff_t>(own[taken]));
        return true;
    }
    current_.emplace(earlier);
    return false;
}

void TransactionAssembler::setBarrier(std::vector<int64_t> ends) {
    if (current_->needsBarrier())
        return current_->setBarrier(std::move(ends));
    laterBarrier_ = std::move(ends);
    runsBeforeBarrier_ = laterRuns_;
}

/// A partition that had begun a later transaction had all of this one before, and repeats it behind that when the
/// connector begins anew: this is counted, and taken as the repetition that it is once its turn has come. What comes
/// there for the first time is not: a truncate that was lost, which has no partition of its own.
TransactionAssembler::Extent TransactionAssembler::measure() const {
    Extent extent;
    extent.prefix.assign(partitions_.size(), 0);
    extent.passed.assign(partitions_.size(), false);
    extent.counted = current_->taken();
    for (const Partition& partition : partitions_)
        extent.last.push_back(partition.lastTaken);
    for (size_t index = 0; index < partitions_.size(); ++index) {
        const Partition& partition = partitions_[index];
        int64_t lastOrder = partition.lastOrder;
        size_t length = 0;
        std::unordered_set<int64_t> seen;
        for (const Held& record : partition.held) {
            const bool isOwn = record.mark.id == current_->id();
            if (!isOwn && !isOpen(record)) {
                extent.passed[index] = true;
                if (!current_->restarted())
                    break;
            }
            ++length;
            if (isOwn && !extent.passed[index]) {
                extent.prefix[index] = length;
                extent.last[index] = std::max(extent.last[index], CurrentTransaction::place(record));
                if (current_->restarted())
                    seen.insert(CurrentTransaction::identity(record));
            }
            if (extent.passed[index] && !seen.contains(CurrentTransaction::identity(record)))
                continue;
            if (!current_->counts(record, lastOrder))
                continue;
            ++extent.counted[partition.collection];
            if (current_->ended() && !current_->names(partition.collection) &&
                !collections_.name(partition.collection).empty())
                extent.stranger = index;
        }
    }
    return extent;
}

bool TransactionAssembler::lacks(const Extent& extent, size_t collection) const {
    return current_->lacks(collection, extent.counted[collection]);
}

bool TransactionAssembler::isComplete(const Extent& extent) const {
    if (!current_->ended() || extent.stranger || !barrierReached(extent))
        return false;
    for (size_t collection = 0; collection < collections_.size(); ++collection)
        if (lacks(extent, collection))
            return false;
    return true;
}

/// Events from before the restart are in no total: they are here once the partitions are read to where they ended then,
/// or to a later transaction, whose records may fill all that a partition can hold.
bool TransactionAssembler::barrierReached(const Extent& extent) const {
    if (!current_->restarted())
        return true;
    if (current_->barrier().empty())
        return partitions_.empty();
    for (size_t index = 0; index < partitions_.size(); ++index)
        if (partitions_[index].read < current_->barrier()[index] && !extent.passed[index])
            return false;
    return true;
}

/// In the order of the source across partitions, so that a parent comes before its child and a truncate in its place. A
/// partition repeats what it had when the connector restarts; of what it brings first nothing earlier is still to come,
/// but for a truncate, which has no partition of its own.
void TransactionAssembler::takeExtent(std::vector<size_t> prefix, Release& release, CurrentTransaction::Place upTo) {
    std::vector<uint32_t> sharing;
    for (uint32_t index = 0; index < prefix.size(); ++index)
        if (prefix[index] > 0)
            sharing.push_back(index);
    const auto order = [this](uint32_t index) {
        const Held& record = partitions_[index].held.front();
        return record.mark.id == current_->id() ? CurrentTransaction::place(record) : CurrentTransaction::Place{};
    };
    while (!sharing.empty()) {
        const auto first = std::min_element(sharing.begin(), sharing.end(),
                                            [&](uint32_t a, uint32_t b) { return order(a) < order(b); });
        if (order(*first) > upTo)
            return;
        take(*first, release);
        if (--prefix[*first] == 0)
            sharing.erase(first);
    }
}

/// A transaction that fills a partition's buffer cannot be held until it is whole.
void TransactionAssembler::takePart(const Extent& extent, Release& release) {
    bool fills = false;
    for (size_t index = 0; index < partitions_.size(); ++index)
        fills |= isFull(partitions_[index]) && !extent.passed[index];
    if (fills && !extent.stranger)
        takeExtent(extent.prefix, release, safePlace(extent));
    if (release.partitions.empty() && !current_->partlyTaken())
        return;
    current_->takePart();
    release.boundary = false;
}

/// Up to which place of the current transaction nothing can come any more: from partitions that are still being read,
/// and from those at their end, where Kafka may get next what the connector sent before.
CurrentTransaction::Place TransactionAssembler::safePlace(const Extent& extent) const {
    CurrentTransaction::Place safe = anyPlace;
    for (size_t index = 0; index < partitions_.size(); ++index)
        if (!isPast(index, extent))
            safe = std::min(safe, extent.last[index]);
    if (!current_->restarted()) // its events are numbered anew then
        for (uint32_t collection = 0; collection < collections_.size(); ++collection)
            safe = std::min(safe, placeBeforeHole(extent, collection));
    return safe;
}

/// A collection's events are numbered. What is missing in a partition that has no room will never be here.
CurrentTransaction::Place TransactionAssembler::placeBeforeHole(const Extent& extent, uint32_t collection) const {
    std::vector<std::pair<int64_t, CurrentTransaction::Place>> events;
    bool mayCome = false;
    for (uint32_t index = 0; index < partitions_.size(); ++index) {
        if (partitions_[index].collection != collection)
            continue;
        mayCome |= hasRoom(index) && !extent.passed[index];
        for (size_t i = 0; i < extent.prefix[index]; ++i) {
            const Held& record = partitions_[index].held[i];
            if (record.mark.id == current_->id() && record.mark.collectionOrder > current_->takenUpTo(collection))
                events.emplace_back(record.mark.collectionOrder, CurrentTransaction::place(record));
        }
    }
    std::sort(events.begin(), events.end());
    int64_t expected = current_->takenUpTo(collection) + 1;
    for (const auto& [order, place] : events) {
        if (order > expected && mayCome)
            return before(place);
        expected = order + 1;
    }
    return anyPlace;
}

/// Whether nothing more of the current transaction can be expected from a partition.
bool TransactionAssembler::isPast(size_t index, const Extent& extent) const {
    return partitions_[index].atEnd || extent.passed[index];
}

void TransactionAssembler::finish() {
    remember(current_->id());
    current_.reset();
    laterRuns_ = runsBeforeBarrier_ = 0;
    for (Partition& partition : partitions_) {
        partition.lastOrder = 0;
        partition.lastTaken = {};
    }
}

} // namespace standin::cdc
