#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cdc/config/source_config_pg.h"
#include "cdc/stream/partition.h"

namespace standin::cdc {

/// The partitions of a source that one of its workers reads, and where they stand.
class Partitions {
public:
    using States = std::map<std::pair<std::string, int32_t>, PartitionState>;

    /// `ordinal`: which of the source's workers this is, from 0 on.
    Partitions(std::string source, int32_t ordinal, const SourceConfig& config)
        : source_(std::move(source)), ordinal_(ordinal), config_(config) {}

    /// The stored offsets. Needs a transaction, like isCurrent() and store().
    void load();
    /// Whether they are still the ones that were loaded or stored here.
    bool isCurrent() const;

    struct Discovery {
        bool answered = true;
        bool enlarged = false; ///< there are partitions without a stored offset so far
        bool returned = false; ///< a topic that was gone is back, and may be another one
        std::string trouble;   ///< topics that are not there, or not as they should be
    };
    /// Asks Kafka for the partitions of all topics and makes offsets for those that have none.
    Discovery discover(kernel::Transactions& transactions, kafka::Consumer& consumer);

    /// Partitions that were discovered and are not being read yet.
    std::vector<PartitionState*> waiting();
    /// Kafka says that the topic is gone: what comes of one of its name is not of this topic.
    void setMissing(const std::string& topic) { missing_.insert(topic); }
    bool isMissing(const std::string& topic) const { return missing_.contains(topic); }
    /// A replay, and all of it was applied.
    bool done() const;
    /// Why partitions cannot go on.
    std::string lost() const;
    /// Nothing of the table's partitions is applied any more; those that are read.
    std::vector<kafka::TopicPartition> stop(uint32_t table, const std::string& why);
    /// Why tables cannot be written.
    std::string stopped() const;
    PartitionState* find(const kafka::Message& message);
    PartitionState* transactionTopic();

    bool anythingToStore() const;
    void store();
    /// What was stored is committed; the partitions that moved.
    std::vector<kafka::TopicPartition> committed();
    /// Another batch, of which nothing has come yet.
    void beginBatch();
    /// Nothing of the batch at hand was applied yet.
    void restartBatch();
    /// How far the partitions go, as the last fetches said.
    void noteEnds(const kafka::Consumer& consumer);
    /// The same, and lets others see it, whatever becomes of the batch at hand.
    void showEnds(kernel::Worker& worker, const kafka::Consumer& consumer);

    States& states() { return states_; }
    const States& states() const { return states_; }

private:
    struct Topic {
        std::string name;
        uint32_t table;
        int partitions;
    };

    bool findTopics(kernel::Transactions& transactions, kafka::Consumer& consumer, std::vector<Topic>& topics,
                    std::string& missing);
    bool findMatching(kernel::Transactions& transactions, kafka::Consumer& consumer, std::vector<Topic>& topics,
                      std::string& missing);
    bool isOwn(const std::string& topic, int32_t partition) const;
    bool enter(kernel::Transactions& transactions, const Topic& topic);
    bool noteWhichAreThere(const std::vector<Topic>& topics);

    const std::string source_;
    const int32_t ordinal_;
    const SourceConfig& config_;
    States states_;
    std::map<std::pair<const void*, int32_t>, PartitionState*> byHandle_; ///< by librdkafka's topic handle
    std::string clusterId_;
    std::set<std::string> missing_; ///< topics that were found once and are gone
    bool bounded_ = false;          ///< a replay: it reads the partitions it has, to where they stop
};

} // namespace standin::cdc
