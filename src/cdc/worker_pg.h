#pragma once

#include <chrono>

#include "base/backoff.h"
#include "cdc/letter_retry_pg.h"
#include "cdc/partitions_pg.h"
#include "cdc/signal_pg.h"
#include "cdc/transaction_reader.h"

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
    void connect();
    void discover();
    bool startReading();
    bool startTransactions();
    void step();
    void attend();
    std::chrono::milliseconds patience(std::chrono::milliseconds longest) const;
    void rest(std::chrono::milliseconds longest);
    void sleep();
    void receive();
    void receiveMore();
    bool take(const kafka::Message& message, PartitionState& state);
    void receiveTransactions();
    void note(const kafka::Message& message, PartitionState* state);
    void applyBatch();
    void applyParts();
    void finishBatch();
    void fetchAhead();
    void showState();
    void logLibraryLines();
    void retryLater(const std::string& sqlstate, const std::string& message);
    void awaitTheMissing(const ConflictPending& conflict);
    bool putOff(size_t index);
    bool conflictsMayPass() const;
    AssemblerLimits assemblerLimits() const;
    kafka::HttpClient::Wait registryWait();

    kernel::Worker& worker_;
    std::string source_;
    int32_t ordinal_ = 0; ///< among the source's workers
    std::optional<SourceConfig> config_;
    std::unique_ptr<kafka::Consumer> consumer_;
    std::vector<std::unique_ptr<TargetTable>> tables_;
    std::unique_ptr<BatchApplier> applier_;
    std::unique_ptr<SignalSender> signals_; ///< of a source's first worker
    std::unique_ptr<LetterRetry> letters_;  ///< the same
    std::unique_ptr<Partitions> partitions_;
    std::unique_ptr<TransactionReader> reader_; ///< under consistency `transaction`
    std::vector<PartitionState*> lanes_;        ///< of the reader, by number
    Release release_;                           ///< what the batch at hand is, from the reader
    bool repeatable_ = true; ///< the batch at hand can be applied again if it fails; else all starts over
    kafka::MessageBatch messages_;
    std::vector<PartitionState*> origins_; ///< by message
    std::string trouble_;                  ///< with a topic or partition, until all topics are found again
    std::string groupId_;
    bool reportsProgress_ = false;
    Clock::time_point nextDiscovery_{};
    Clock::time_point nextCheck_{};
    std::optional<Clock::time_point> conflictSince_;
    size_t putOffs_ = 0; ///< in a row, without anything new
    bool discovered_ = false; ///< Kafka has said what partitions there are
    bool outdated_ = false;
    bool checkDue_ = false; ///< something may have woken us that is not Kafka
    int failures_ = 0;
};

} // namespace standin::cdc
