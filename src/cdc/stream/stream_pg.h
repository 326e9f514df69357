#pragma once

#include "cdc/stream/batch.h"
#include "cdc/stream/partitions_pg.h"
#include "kernel/worker.h"

namespace standin::cdc {

/// What a stream is made of. The references outlive it.
struct StreamContext {
    kernel::Worker& worker;
    const std::string& source;
    const SourceConfig& config;
    Partitions& partitions;
};

/// What Kafka has of the partitions of one worker, in an order in which it may be applied. Says of each partition what
/// comes next (`next`) once the batch at hand is committed; whoever applies it stores that.
class Stream {
public:
    Stream(const StreamContext& context, const std::string& groupId, const kafka::ConsumerLimits& limits)
        : worker_(context.worker), source_(context.source), config_(context.config), partitions_(context.partitions),
          consumer_(context.config.properties, groupId, limits) {}
    virtual ~Stream() = default;
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Finds partitions that are not read yet, and begins to read them. False if that is to be tried again.
    bool discover();
    /// Adds to the batch what has arrived and may be applied behind it.
    virtual void receive(Batch& batch) = 0;
    /// Lets Kafka send what comes next, while the batch at hand is applied.
    virtual void fetchAhead() = 0;
    /// Whether what was received may be committed: else more of it must be received, for the same local transaction.
    virtual bool atBoundary() const { return true; }
    /// Adds to the partitions' counts what only the stream knows of the messages received last.
    virtual void count() {}
    /// What was received is committed.
    virtual void committed() {}

    /// Whether the batch at hand can be applied again if it fails; else everything is to start over.
    virtual bool repeatable() const { return true; }
    /// Whether a record may conflict with one that comes from another partition, now or later.
    virtual bool conflictsMayPass() const { return false; }
    /// Whether it has messages that may not be applied yet, perhaps only after some time.
    virtual bool holdsBack() const { return false; }

    struct Standing {
        const char* state; ///< of the worker
        std::string detail;
    };
    /// Why messages are held back, if it is worth telling.
    virtual std::optional<Standing> standing() const { return std::nullopt; }

    /// Kafka's side is another one than was loaded: what is in memory is void.
    bool outdated() const { return outdated_; }
    /// There are more partitions than it was made for, and it reads none yet: another one is to take its place.
    bool outgrown() const { return outgrown_; }
    /// Whether to look for partitions again soon.
    bool troubled() const { return !trouble_.empty() || !consumer_.lastError().empty(); }
    /// As the worker's state. True if everything goes on.
    bool showState();
    /// Whether Kafka answers, and has said of each partition that is read how far it goes.
    bool knowsEnds() const;
    void logLibraryLines();

    kafka::Consumer& consumer() { return consumer_; }

protected:
    /// For partitions that were found and are not being read. False if Kafka did not answer.
    virtual bool start() = 0;
    /// Whether it can go on with more partitions than it was made for.
    virtual bool canGrow() const = 0;
    /// A partition was read up to there, beyond what Kafka has that are no records.
    virtual void reachedEnd(PartitionState&, int64_t) {}
    virtual void lostTopic() {}
    /// What Kafka says about a partition instead of a record.
    void note(const kafka::Message& message, PartitionState* state);

    kernel::Worker& worker_;
    const std::string& source_;
    const SourceConfig& config_;
    Partitions& partitions_;
    kafka::Consumer consumer_;
    std::string trouble_; ///< with a topic or partition, until all topics are found again
    bool outdated_ = false;
    bool outgrown_ = false;

private:
    bool discovered_ = false; ///< Kafka has said what partitions there are
};

} // namespace standin::cdc
