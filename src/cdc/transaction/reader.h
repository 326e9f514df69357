#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "cdc/transaction/assembler.h"
#include "kafka/consumer.h"

namespace standin::cdc {

/// Reads partitions apart from each other, and hands out their messages in the order of the source's transactions.
class TransactionReader {
public:
    using Notice = std::function<void(const kafka::Message&)>;
    /// A message's value as JSON.
    using Look = std::function<std::optional<std::string_view>(const kafka::Message&)>;

    TransactionReader(kafka::Consumer& consumer, std::string topic, const AssemblerLimits& limits)
        : consumer_(consumer), topic_(std::move(topic)), limits_(limits), assembler_(limits) {}

    /// What END records may name, whether or not it has partitions yet.
    void addCollection(const std::string& collection) { assembler_.addCollection(collection); }
    /// Before start(). The numbers that messages come back with count from 0, in this order.
    /// `earliest`: where to read from, perhaps before the offset that comes next; such messages go to `notice`.
    void addPartition(const kafka::TopicPartition& next, int64_t earliest, const std::string& collection);
    /// Begins to read. The transaction topic is read from a little earlier than `next`, to know what was released
    /// already; a connector makes it with the first transaction, so while there is none (no `next`) only what belongs
    /// to no transaction is handed out. False if Kafka did not answer.
    bool start(std::optional<int64_t> next, int timeoutMilliseconds);
    bool started() const { return started_; }

    /// Takes over what has arrived and adds the messages that may be applied now to the batch, with the number of each
    /// one's partition. What Kafka has to say about partitions goes to `notice`. Never waits, unless `look` does. After
    /// an exception the reader is of no more use.
    Release read(kafka::MessageBatch& batch, std::vector<uint32_t>& origins, const Notice& notice, const Look& look);

    int64_t nextOffset(uint32_t partition) const { return assembler_.nextOffset(partition); }
    int64_t topicNext() const { return assembler_.topicNext(); }
    bool holdsBack() const { return assembler_.holdsBack(); }
    TransactionAssembler::Standing standing() const { return assembler_.standing(Clock::now()); }

    /// Lets librdkafka fetch on at once for partitions that are behind. Waits a millisecond at most.
    void fetchAhead();

private:
    using Clock = TransactionAssembler::Clock;

    struct Lane {
        std::string topic;
        int32_t partition;
        int64_t read; ///< all before it was taken from the queue
        kafka::PartitionQueue queue;
        std::deque<kafka::OwnedMessage> messages;
        MarkForm form;
    };

    bool startTopic(int64_t next, int timeoutMilliseconds);
    bool takeMessages(uint32_t index, const Notice& notice, const Look& look);
    bool takeBoundaries(const Notice& notice, const Look& look);
    void setBarrier();
    bool isAtEnd(const Lane& lane) const;

    kafka::Consumer& consumer_;
    const std::string topic_;
    const AssemblerLimits limits_;
    TransactionAssembler assembler_;
    TransactionRecords records_;
    std::deque<Lane> lanes_;
    std::optional<Lane> boundaries_;
    std::vector<kafka::TopicPartition> assignment_;
    int64_t topicStart_ = 0; ///< all before it was released earlier
    bool started_ = false;
};

} // namespace standin::cdc
