#pragma once

#include <chrono>
#include <map>

#include "cdc/dead_letter_retry_pg.h"
#include "cdc/gap/gap_watch_pg.h"
#include "cdc/signal_pg.h"
#include "cdc/source_applier_pg.h"

namespace standin::cdc {

/// A worker of a source: reads what Kafka has of its partitions, applies it batch by batch, each in one transaction
/// with its offsets. It loads its configuration and its offsets once. When either changes the process ends and the
/// supervisor starts another: no message of before can then be taken for one of after, and no client has to be closed,
/// which may take librdkafka a minute.
class SourceWorker {
public:
    explicit SourceWorker(kernel::Worker& worker);

    /// Until the worker is to stop, or what it loaded is out of date.
    void run();
    /// The process is about to end: no waiting for Kafka's threads.
    void abandon() noexcept;

private:
    using Clock = std::chrono::steady_clock;

    bool load();
    void lookForChanges();
    bool isOutdated() const { return outdated_ || (stream_ && stream_->outdated()); }
    void connect();
    void discover();
    void step();
    void attend();
    void rest();
    void sleep();
    void receive();
    void applyBatch();
    void finishBatch();
    std::string lockHolders();
    void showEnds();
    void retryLater(const std::string& sqlstate, const std::string& message);
    void awaitTheMissing(const ConflictPending& conflict);
    bool leaveForLater(size_t index);
    void takeBack();
    void awaitAnew();

    kernel::Worker& worker_;
    std::string source_;
    int32_t ordinal_ = 0; ///< among the source's workers
    std::string groupId_;
    std::unique_ptr<const SourceConfig> config_;
    std::unique_ptr<Partitions> partitions_;
    std::unique_ptr<SourceApplier> applier_;
    std::unique_ptr<SignalSender> signals_; ///< of a source's first worker, as the next two
    std::unique_ptr<LetterRetry> letters_;
    std::unique_ptr<GapWatch> gaps_;
    std::unique_ptr<Stream> stream_;
    Batch batch_;                                 ///< at hand: received and not committed
    std::map<PartitionState*, int64_t> leftFrom_; ///< partitions of which it leaves something for later: what was next
    Clock::time_point nextDiscovery_{};
    Clock::time_point nextCheck_{};
    std::optional<Clock::time_point> conflictSince_;
    size_t putOffs_ = 0; ///< in a row, without anything new
    bool outdated_ = false;
    bool checkDue_ = false; ///< something may have woken us that is not Kafka
    int failures_ = 0;
};

} // namespace standin::cdc
