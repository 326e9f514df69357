#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "cdc/transaction/current.h"

namespace standin::cdc {

/// What may be applied now: for each record the partition whose next one it is.
struct Release {
    std::vector<uint32_t> partitions;
    size_t bytes = 0;
    /// False: the records are the beginning of a transaction that does not fit in memory. More must follow in the same
    /// local transaction, up to a release that ends at a boundary.
    bool boundary = true;
    int64_t incomplete = 0; ///< records whose transaction was not whole when it was released
};

struct AssemblerLimits {
    size_t records = 10000;    ///< a release stops growing there
    size_t bytes = 16 << 20;   ///< likewise
    size_t heldRecords = 1000; ///< of one partition
    size_t heldBytes = 1 << 20;
    std::chrono::milliseconds stallTimeout{60000};
    bool applyOnStall = false;
};

/// Puts the records of many partitions back into the source's transactions, in the source's order.
///
/// A connector emits one transaction after another: BEGIN to the transaction topic, the events each to its partition,
/// END with the number of events of each table. So the transaction topic is the order, and once all earlier
/// transactions were released, the events of the current one are at the heads of their partitions. It is complete when
/// the numbers of its END are reached.
///
/// A connector that restarts goes on from an earlier point: it may repeat BEGIN, END and events, and numbers the events
/// anew from the point where it goes on. What belongs to a transaction that was released is let through by itself (its
/// position in the source's log tells that it is a duplicate). After a repeated BEGIN only events that Kafka got later
/// count, and all partitions have to be read up to where they ended then. It may have begun others before, in
/// partitions and a transaction topic of other brokers: then the transaction is taken as the run has it that is whole
/// first.
class TransactionAssembler {
public:
    using Clock = CurrentTransaction::Clock;

    explicit TransactionAssembler(AssemblerLimits limits) : limits_(limits) {}
    TransactionAssembler(const TransactionAssembler&) = delete;
    TransactionAssembler& operator=(const TransactionAssembler&) = delete;

    /// `collection`: what END records call the topic's table. Offsets below `next` were applied.
    void addCollection(const std::string& collection) { collections_.add(collection); }
    uint32_t addPartition(std::string name, const std::string& collection, int64_t next);

    void add(uint32_t partition, Held record, Clock::time_point now);
    void addBoundary(Boundary boundary, Clock::time_point now);
    /// A boundary from before the point where this reader begins: its transaction was released earlier.
    void remember(const std::string& id);
    /// A partition was read up to there, and held no record between.
    void reached(uint32_t partition, int64_t offset);
    void topicReached(int64_t offset) { topicRead_ = std::max(topicRead_, offset); }
    /// Whether a partition was read to its end, as far as Kafka said.
    void setAtEnd(uint32_t partition, bool atEnd) { partitions_[partition].atEnd = atEnd; }
    void setTopicAtEnd(bool atEnd) { topicAtEnd_ = atEnd; }

    /// Room for another record, of a partition and of the transaction topic.
    bool hasRoom(uint32_t partition) const;
    bool topicHasRoom() const { return boundaries_.size() < maxBoundaries; }

    /// The current transaction was begun twice: where do the partitions end?
    bool needsBarrier() const { return current_ && (current_->needsBarrier() || laterRuns_ > runsBeforeBarrier_); }
    void setBarrier(std::vector<int64_t> ends);

    Release next(Clock::time_point now);

    /// Offsets to go on from after everything released is committed; of use at a boundary only.
    int64_t nextOffset(uint32_t partition) const;
    int64_t topicNext() const;

    /// Why nothing is released though something is held; empty if nothing is, or not for long.
    struct Standing {
        bool stalled = false;
        std::string detail;
    };
    Standing standing(Clock::time_point now) const;
    /// Whether anything is held.
    bool holdsBack() const;

private:
    struct Partition {
        std::string name;
        uint32_t collection = 0;
        std::deque<Held> held;
        std::deque<Clock::time_point> arrivals;
        size_t bytes = 0;
        int64_t read = 0; ///< all records before it came here
        bool atEnd = false;
        int64_t lastOrder = 0; ///< of the last event that the current transaction counts and that was taken
        CurrentTransaction::Place lastTaken{}; ///< the furthest of any of it that was taken
    };

    /// How far the current transaction reaches into what is held.
    struct Extent {
        std::vector<size_t> prefix;                  ///< records, by partition, up to the last of the transaction
        std::vector<bool> passed;                    ///< by partition: a later transaction's record stands behind
        std::vector<int64_t> counted;                ///< events, by collection
        std::vector<CurrentTransaction::Place> last; ///< by partition: the furthest that was taken or is held
        std::optional<size_t> stranger;              ///< a partition with an event of a table that END does not name
    };

    static constexpr size_t maxBoundaries = 20000;
    static constexpr size_t maxReleased = 200000;

    bool isOpen(const Held& record) const;
    bool isFull(const Partition& partition) const;
    bool isOver(const Release& release) const;
    void take(uint32_t index, Release& release);
    void takeOpen(Release& release);
    void advance(Clock::time_point now);
    void lookAhead();
    bool takeLaterRun(Clock::time_point now);
    Extent measure() const;
    bool lacks(const Extent& extent, size_t collection) const;
    bool isComplete(const Extent& extent) const;
    bool barrierReached(const Extent& extent) const;
    void takeExtent(std::vector<size_t> prefix, Release& release, CurrentTransaction::Place upTo);
    void takePart(const Extent& extent, Release& release);
    CurrentTransaction::Place safePlace(const Extent& extent) const;
    CurrentTransaction::Place placeBeforeHole(const Extent& extent, uint32_t collection) const;
    bool isPast(size_t index, const Extent& extent) const;
    void finish();
    bool isStalled(const Extent& extent, Clock::time_point now) const;
    bool anotherFollows() const;
    std::optional<uint32_t> stranded(Clock::time_point now) const;
    void takeStranded(Release& release, Clock::time_point now);
    std::string explain(const Extent& extent) const;

    AssemblerLimits limits_;
    std::vector<Partition> partitions_;
    Collections collections_;
    std::deque<Boundary> boundaries_;
    std::optional<CurrentTransaction> current_;
    size_t laterRuns_ = 0; ///< so often is it begun again behind the beginnings of others
    std::vector<int64_t> laterBarrier_;
    size_t runsBeforeBarrier_ = 0; ///< that had begun when laterBarrier_ was asked for
    std::unordered_set<std::string> released_;
    std::deque<std::string> releasedInOrder_; ///< oldest first
    int64_t topicRead_ = 0;
    bool topicAtEnd_ = false;
};

} // namespace standin::cdc
