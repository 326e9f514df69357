#pragma once

#include <chrono>
#include <map>

#include "base/backoff.h"
#include "cdc/source_pg.h"

namespace standin::cdc {

/// The worker of one source: reads what Kafka has, applies it batch by batch, each in one transaction with its offsets.
/// It loads its configuration and its offsets once. When either changes the process ends and the supervisor starts
/// another: no message of before can then be taken for one of after, and no client has to be closed, which may take
/// librdkafka a minute.
class SourceWorker {
public:
    explicit SourceWorker(kernel::Worker& worker) : worker_(worker) {}

    /// Until the worker is to stop, or what it loaded is out of date.
    void run();
    /// The process is about to end: no waiting for Kafka's threads.
    void abandon() noexcept;

private:
    using Clock = std::chrono::steady_clock;

    bool load();
    void lookForChanges();
    bool isCurrent() const;
    void connect();
    void discover();
    void addPartitions(const std::string& topic, uint32_t table, int count,
                       std::vector<kafka::TopicPartition>& assignment);
    void step();
    void sleep();
    void receive();
    void take(kafka::Message message);
    void applyBatch();
    void finishBatch();
    bool nothingToStore() const;
    void fetchAhead();
    void storeOffsets();
    void showState();
    void logLibraryLines();
    void retryLater(const std::string& sqlstate, const std::string& message);
    PartitionState* stateOf(const kafka::Message& message);

    kernel::Worker& worker_;
    std::optional<SourceConfig> config_;
    std::unique_ptr<kafka::Consumer> consumer_;
    std::vector<std::unique_ptr<TargetTable>> tables_;
    std::unique_ptr<BatchApplier> applier_;
    std::map<std::pair<std::string, int32_t>, PartitionState> partitions_;
    std::map<std::pair<const void*, int32_t>, PartitionState*> byHandle_; ///< the same by librdkafka's topic handle
    kafka::MessageBatch messages_;
    std::vector<PartitionState*> origins_; ///< by message
    std::string clusterId_;
    std::string trouble_;    ///< with a topic or partition, until all topics are found again
    std::string lostOffset_; ///< a partition cannot go on, until an operator says where
    std::string groupId_;
    bool reportsProgress_ = false;
    Clock::time_point nextDiscovery_{};
    Clock::time_point nextCheck_{};
    bool outdated_ = false;
    bool checkDue_ = false; ///< something may have woken us that is not Kafka
    int failures_ = 0;
};

} // namespace standin::cdc
