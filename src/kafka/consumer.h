#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kafka/fingerprint.h"
#include "kafka/options.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

struct TopicPartition {
    std::string topic;
    int32_t partition;
    int64_t offset;
};

struct Watermarks {
    int64_t low;
    int64_t high;
};

/// A record that is not librdkafka's: a dead letter on its way back.
struct StoredRecord {
    std::string topic;
    int32_t partition;
    int64_t offset;
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<std::pair<std::string, std::string>> headers;
    int64_t timestamp; ///< milliseconds since 1970, or -1
};

/// One record, or what Kafka has to say about a partition. A view of librdkafka's message, or of a stored record.
class Message {
public:
    explicit Message(const rd_kafka_message_t* raw) : raw_(raw) {}
    explicit Message(const StoredRecord& stored) : stored_(&stored) {}

    rd_kafka_resp_err_t error() const { return raw_ ? raw_->err : RD_KAFKA_RESP_ERR_NO_ERROR; }
    std::string errorText() const { return raw_ ? rd_kafka_message_errstr(raw_) : ""; }
    const rd_kafka_topic_t* topicHandle() const { return raw_ ? raw_->rkt : nullptr; }
    std::string topic() const { return stored_ ? stored_->topic : raw_->rkt ? rd_kafka_topic_name(raw_->rkt) : ""; }
    int32_t partition() const { return raw_ ? raw_->partition : stored_->partition; }
    int64_t offset() const { return raw_ ? raw_->offset : stored_->offset; }
    std::optional<std::string_view> key() const {
        return raw_ ? view(raw_->key, raw_->key_len) : std::optional<std::string_view>(stored_->key);
    }
    std::optional<std::string_view> value() const {
        return raw_ ? view(raw_->payload, raw_->len) : std::optional<std::string_view>(stored_->value);
    }
    std::vector<std::pair<std::string, std::string>> headers() const;
    /// The last header of that name.
    std::optional<std::string_view> header(const char* name) const;
    /// Milliseconds since 1970, or -1.
    int64_t timestamp() const { return raw_ ? rd_kafka_message_timestamp(raw_, nullptr) : stored_->timestamp; }
    /// Begins to load what will be read soon: another thread, on another core, has written it.
    void prefetch() const {
        constexpr size_t cacheLine = 64, limit = 1024;
        const char* const payload = raw_ ? static_cast<const char*>(raw_->payload) : nullptr;
        for (size_t at = 0; payload && at < std::min(raw_->len, limit); at += cacheLine)
            __builtin_prefetch(payload + at);
    }
    Fingerprint fingerprint() const { return {offset(), recordHash(timestamp(), key(), value())}; }

private:
    static std::optional<std::string_view> view(const void* bytes, size_t size) {
        return bytes ? std::optional(std::string_view(static_cast<const char*>(bytes), size)) : std::nullopt;
    }

    const rd_kafka_message_t* raw_ = nullptr;
    const StoredRecord* stored_ = nullptr;
};

struct ReturnMessage {
    void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
};
/// A message on loan from librdkafka.
using OwnedMessage = std::unique_ptr<rd_kafka_message_t, ReturnMessage>;

/// Messages on loan from librdkafka; they go back when the batch is cleared or dies.
class MessageBatch {
public:
    MessageBatch() = default;
    /// Of one record that somebody else keeps.
    explicit MessageBatch(const StoredRecord& stored) : stored_(&stored) {}
    ~MessageBatch() { clear(); }
    MessageBatch(const MessageBatch&) = delete;
    MessageBatch& operator=(const MessageBatch&) = delete;

    size_t size() const { return stored_ ? 1 : messages_.size(); }
    bool empty() const { return size() == 0; }
    Message operator[](size_t index) const { return stored_ ? Message(*stored_) : Message(messages_[index]); }
    size_t bytes() const { return bytes_; }
    /// Begins to load the message, and what tells where a later one is.
    void prefetch(size_t index) const {
        prefetchPlace(index + prefetchStep);
        if (index < messages_.size())
            Message(messages_[index]).prefetch();
    }
    /// The same of its key alone.
    void prefetchKey(size_t index) const {
        prefetchPlace(index + prefetchStep);
        if (index < messages_.size())
            __builtin_prefetch(messages_[index]->key);
    }
    void add(OwnedMessage message);
    /// Each message once, by its index now.
    void reorder(const std::vector<size_t>& order);
    /// Lets go of all but these.
    void keep(const std::vector<size_t>& indexes);
    void clear();

private:
    void prefetchPlace(size_t index) const {
        if (index < messages_.size())
            __builtin_prefetch(messages_[index]);
    }

    friend class Consumer;
    static constexpr size_t prefetchStep = 4;
    std::vector<rd_kafka_message_t*> messages_;
    size_t bytes_ = 0;
    const StoredRecord* stored_ = nullptr;
};

/// The messages of one partition apart from all others: while nobody takes them, librdkafka fetches no more of this
/// partition, and goes on with the rest. (Pausing does the same, with faults in librdkafka 2.0.2.)
class PartitionQueue {
public:
    explicit PartitionQueue(rd_kafka_queue_t* queue) : queue_(queue) {}

    /// Takes what has arrived, up to so many; never waits.
    std::vector<OwnedMessage> poll(size_t maxMessages);
    /// Records that were fetched and not yet taken.
    size_t queued() const { return rd_kafka_queue_length(queue_); }

private:
    rd_kafka_queue_t* queue_; ///< the client's, as long as it lives
};

struct LogLine {
    int level; ///< of syslog
    std::string text;
};

struct ConsumerLimits {
    int64_t queueKilobytes = 16384; ///< what librdkafka may fetch ahead: for all partitions together, and for each one
                                    ///< that has a queue of its own
};

/// What the cluster says of a topic.
struct TopicAnswer {
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR; ///< UNKNOWN_TOPIC_OR_PART if it does not exist
    int partitions = 0;
};

/// A consumer of explicit partitions at explicit offsets: no group coordination, no automatic offsets, no silent reset.
/// No call but close() waits for the network longer than the time it is given.
class Consumer {
public:
    Consumer(const Properties& properties, const std::string& groupId, ConsumerLimits limits);
    ~Consumer() { close(); }
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    /// Becomes readable when poll() has something to return. Sleep on it only after poll() has returned nothing.
    int wakeupDescriptor() const { return wakeup_.readEnd(); }

    /// Partitions to read from now on, besides those added before.
    void add(const std::vector<TopicPartition>& partitions);

    /// Fetches nothing more of these; what was fetched may still come.
    void pause(const std::vector<TopicPartition>& partitions);

    /// This partition alone from now on.
    void readFrom(const TopicPartition& place);
    /// No partition any more; what was fetched and not yet taken is dropped.
    void readNothing();

    /// Gives a partition a queue of its own. Before it is added: so no message of it comes by the common one.
    PartitionQueue separate(const std::string& topic, int32_t partition);

    /// Adds what has arrived, up to so many messages or bytes, and serves librdkafka's callbacks; never waits.
    void poll(MessageBatch& batch, size_t maxMessages, size_t maxBytes);

    /// Lets librdkafka fetch on at once for partitions that are behind. Waits a millisecond at most.
    void hurry(const std::vector<TopicPartition>& behind);

    /// Records that were fetched and not yet taken.
    size_t queued() const { return rd_kafka_queue_length(queue_); }

    /// What the last fetches said; nothing before the first.
    std::optional<Watermarks> watermarks(const std::string& topic, int32_t partition) const;

    /// The same, asking the cluster and waiting at most so long.
    std::optional<Watermarks> askWatermarks(const std::string& topic, int32_t partition, int timeoutMilliseconds);

    /// Asks the cluster, waiting at most so long; nothing if there was no answer.
    std::optional<TopicAnswer> askTopic(const std::string& topic, int timeoutMilliseconds);
    /// The same: zero if the topic does not exist, nothing if there was no answer, or another error.
    std::optional<int> partitionCount(const std::string& topic, int timeoutMilliseconds);
    /// The first record of this time (milliseconds since 1970) or later; RD_KAFKA_OFFSET_END if there is none yet.
    std::optional<int64_t> askOffsetAt(const std::string& topic, int32_t partition, int64_t milliseconds,
                                       int timeoutMilliseconds);
    /// All topics with their numbers of partitions; nothing if there was no answer.
    std::optional<std::map<std::string, int>> topics(int timeoutMilliseconds);
    /// The same partitions with their ends at this moment as offsets; nothing if not all leaders answered.
    std::optional<std::vector<TopicPartition>> ends(std::vector<TopicPartition> partitions, int timeoutMilliseconds);
    /// As far as known by now.
    std::string clusterId() const;

    /// For lag tools that look at the group's offsets; the truth is elsewhere. Does not wait, may fail unseen.
    void reportProgress(const std::vector<TopicPartition>& next);

    /// What librdkafka last complained about in general, until clearError().
    const std::string& lastError() const { return lastError_; }
    void clearError() { lastError_.clear(); }
    std::deque<LogLine> takeLog() { return std::exchange(log_, {}); }

    /// Joins librdkafka's threads: seconds, and as long as its timeouts while a progress report waits for a dead
    /// broker.
    void close() noexcept;
    /// Gives the handle up without waiting for its threads, for a process that is about to end.
    void abandon() noexcept { client_ = nullptr; }

private:
    static void onError(rd_kafka_t*, int error, const char* reason, void* self) noexcept;
    static void onLog(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept;
    rd_kafka_topic_t* topicHandle(const std::string& topic);

    Wakeup wakeup_;
    rd_kafka_t* client_ = nullptr;
    rd_kafka_queue_t* queue_ = nullptr;
    std::vector<rd_kafka_queue_t*> partitionQueues_;
    std::unordered_map<std::string, rd_kafka_topic_t*> topics_;
    std::vector<rd_kafka_message_t*> buffer_;
    std::string lastError_;
    std::deque<LogLine> log_;
};

} // namespace standin::kafka
