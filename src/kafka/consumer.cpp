#include "kafka/consumer.h"

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "kafka/registry.h"

namespace standin::kafka {

namespace {

constexpr size_t maxLogLines = 100;
constexpr int64_t minFetchKilobytes = 64, maxFetchKilobytes = 4096;

using Conf = std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)>;
using PartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;

void set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
    char reason[512] = "";
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
        throw Error("HV00D", "librdkafka does not take option \"" + name + "\"");
}

/// What a broker's refusal may be due to besides the password: before 2.6.1 librdkafka sent its nonce twice
/// (librdkafka#4895), which brokers before Kafka 4 let pass.
std::string refusalNote(const std::string& reason) {
    constexpr int repaired = 0x02060100;
    if (rd_kafka_version() >= repaired || reason.find("Authentication failed") == std::string::npos ||
        reason.find("SCRAM") == std::string::npos)
        return {};
    return std::string("librdkafka ") + rd_kafka_version_str() + " cannot do SCRAM with Kafka 4 (2.6.1 can): ";
}

PartitionList listOf(const std::vector<TopicPartition>& partitions) {
    PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())),
                       rd_kafka_topic_partition_list_destroy);
    for (const TopicPartition& partition : partitions)
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
            partition.offset;
    return list;
}

} // namespace

std::vector<std::pair<std::string, std::string>> Message::headers() const {
    if (stored_)
        return stored_->headers;
    std::vector<std::pair<std::string, std::string>> result;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(raw_, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return result;
    const char* name;
    const void* value;
    size_t size;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i)
        result.emplace_back(name, std::string(static_cast<const char*>(value ? value : ""), value ? size : 0));
    return result;
}

std::optional<std::string_view> Message::header(const char* name) const {
    if (stored_) {
        const auto found = std::find_if(stored_->headers.rbegin(), stored_->headers.rend(),
                                        [&](const auto& header) { return header.first == name; });
        return found == stored_->headers.rend() ? std::nullopt : std::optional<std::string_view>(found->second);
    }
    rd_kafka_headers_t* headers = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    if (rd_kafka_message_headers(raw_, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return std::string_view(static_cast<const char*>(value), value ? size : 0);
}

void MessageBatch::clear() {
    for (rd_kafka_message_t* message : messages_)
        rd_kafka_message_destroy(message);
    messages_.clear();
    bytes_ = 0;
}

void MessageBatch::add(OwnedMessage message) {
    messages_.reserve(messages_.size() + 1);
    bytes_ += message->len + message->key_len;
    messages_.push_back(message.release());
}

void MessageBatch::reorder(const std::vector<size_t>& order) {
    std::vector<rd_kafka_message_t*> messages;
    messages.reserve(order.size());
    for (const size_t index : order)
        messages.push_back(messages_[index]);
    messages_ = std::move(messages);
}

std::vector<OwnedMessage> PartitionQueue::poll(size_t maxMessages) {
    std::vector<rd_kafka_message_t*> buffer(std::min<size_t>(maxMessages, 512));
    std::vector<OwnedMessage> taken;
    taken.reserve(buffer.size());
    const ssize_t got = rd_kafka_consume_batch_queue(queue_, 0, buffer.data(), buffer.size());
    for (ssize_t i = 0; i < got; ++i)
        taken.emplace_back(buffer[static_cast<size_t>(i)]);
    return taken;
}

Consumer::Consumer(const Properties& properties, const std::string& groupId, ConsumerLimits limits) {
    Conf conf(rd_kafka_conf_new(), rd_kafka_conf_destroy);
    set(conf.get(), "client.id", "pg_standin");
    // A fetch at a time is under way: so much of a partition has to last until the next one has come.
    set(conf.get(), "fetch.message.max.bytes",
        std::to_string(std::clamp(limits.queueKilobytes / 4, minFetchKilobytes, maxFetchKilobytes) * 1024));
    for (const auto& [name, value] : properties)
        if (!isRegistryOption(name))
            set(conf.get(), name, value);
    set(conf.get(), "group.id", groupId);
    set(conf.get(), "enable.auto.commit", "false");
    set(conf.get(), "enable.auto.offset.store", "false");
    set(conf.get(), "auto.offset.reset", "error");
    set(conf.get(), "isolation.level", "read_committed");
    set(conf.get(), "enable.partition.eof", "true");
    set(conf.get(), "allow.auto.create.topics", "false");
    // A broker answers the requests of a connection in their order: a fetch that waits for records holds up the others.
    set(conf.get(), "fetch.wait.max.ms", "100");
    set(conf.get(), "queued.max.messages.kbytes", std::to_string(limits.queueKilobytes));
    set(conf.get(), "log.queue", "true");
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_error_cb(conf.get(), onError);
    rd_kafka_conf_set_log_cb(conf.get(), onLog);

    const SignalMask mask;
    char reason[512] = "";
    client_ = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), reason, sizeof(reason));
    if (!client_)
        throw Error("HV00N", std::string("could not create a Kafka client: ") + reason);
    conf.release(); // now the client's
    rd_kafka_poll_set_consumer(client_);
    rd_kafka_set_log_queue(client_, nullptr);
    queue_ = rd_kafka_queue_get_consumer(client_);
    rd_kafka_queue_io_event_enable(queue_, wakeup_.writeEnd(), "", 1);
}

void Consumer::close() noexcept {
    if (!client_)
        return;
    const SignalMask mask;
    for (const auto& [name, handle] : topics_)
        rd_kafka_topic_destroy(handle);
    topics_.clear();
    for (rd_kafka_queue_t* queue : partitionQueues_)
        rd_kafka_queue_destroy(queue);
    partitionQueues_.clear();
    rd_kafka_queue_destroy(queue_);
    rd_kafka_destroy_flags(client_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    client_ = nullptr;
}

void Consumer::add(const std::vector<TopicPartition>& partitions) {
    const SignalMask mask;
    rd_kafka_error_t* error = rd_kafka_incremental_assign(client_, listOf(partitions).get());
    if (!error)
        return;
    const std::string reason = rd_kafka_error_string(error);
    rd_kafka_error_destroy(error);
    throw Error("HV000", "could not assign partitions: " + reason);
}

// A forwarding that the application has set stays when the partition's fetcher starts (RD_KAFKA_Q_F_FWD_APP).
PartitionQueue Consumer::separate(const std::string& topic, int32_t partition) {
    partitionQueues_.reserve(partitionQueues_.size() + 1);
    rd_kafka_queue_t* queue = rd_kafka_queue_get_partition(client_, topic.c_str(), partition);
    if (!queue)
        throw Error("HV000", "could not read partition " + std::to_string(partition) + " of topic \"" + topic + "\"");
    partitionQueues_.push_back(queue);
    rd_kafka_queue_forward(queue, nullptr);
    rd_kafka_queue_io_event_enable(queue, wakeup_.writeEnd(), "", 1);
    return PartitionQueue(queue);
}

void Consumer::poll(MessageBatch& batch, size_t maxMessages, size_t maxBytes) {
    wakeup_.drain();
    // Small bites, so that large messages stop at the limit on bytes.
    constexpr size_t bite = 512;
    buffer_.resize(bite);
    while (batch.messages_.size() < maxMessages && batch.bytes_ < maxBytes) {
        const size_t wanted = std::min(bite, maxMessages - batch.messages_.size());
        batch.messages_.reserve(batch.messages_.size() + wanted);
        const ssize_t got = rd_kafka_consume_batch_queue(queue_, 0, buffer_.data(), wanted);
        if (got <= 0)
            return;
        for (ssize_t i = 0; i < got; ++i) {
            batch.messages_.push_back(buffer_[static_cast<size_t>(i)]);
            batch.bytes_ += buffer_[static_cast<size_t>(i)]->len + buffer_[static_cast<size_t>(i)]->key_len;
        }
    }
}

// A broker's thread that stopped fetching because the queue was full looks again when something wakes it, or after a
// second (librdkafka 2.0.2, rd_kafka_broker_consumer_serve; 2.2 has fetch.queue.backoff.ms). Nothing does when the
// queue is emptied. A request to the partitions' leaders does; its answer is not of interest.
void Consumer::hurry(const std::vector<TopicPartition>& behind) {
    const SignalMask mask;
    const PartitionList list = listOf(behind);
    for (int i = 0; i < list->cnt; ++i)
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_offsets_for_times(client_, list.get(), 1);
}

std::optional<Watermarks> Consumer::watermarks(const std::string& topic, int32_t partition) const {
    Watermarks marks{};
    const auto error = rd_kafka_get_watermark_offsets(client_, topic.c_str(), partition, &marks.low, &marks.high);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || marks.high < 0)
        return std::nullopt;
    return marks;
}

std::optional<Watermarks> Consumer::askWatermarks(const std::string& topic, int32_t partition,
                                                  int timeoutMilliseconds) {
    const SignalMask mask;
    Watermarks marks{};
    if (rd_kafka_query_watermark_offsets(client_, topic.c_str(), partition, &marks.low, &marks.high,
                                         timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return marks;
}

rd_kafka_topic_t* Consumer::topicHandle(const std::string& topic) {
    rd_kafka_topic_t*& handle = topics_[topic];
    if (!handle)
        handle = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
    if (!handle)
        throw Error("HV000", "could not use topic \"" + topic + "\": " + rd_kafka_err2str(rd_kafka_last_error()));
    return handle;
}

std::optional<int> Consumer::partitionCount(const std::string& topic, int timeoutMilliseconds) {
    const SignalMask mask;
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client_, 0, topicHandle(topic), &metadata, timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    std::optional<int> count;
    if (metadata->topic_cnt == 1) {
        const auto error = metadata->topics[0].err;
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            count = metadata->topics[0].partition_cnt;
        else if (error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
            count = 0;
        else
            lastError_ = "topic \"" + topic + "\": " + rd_kafka_err2str(error);
    }
    rd_kafka_metadata_destroy(metadata);
    return count;
}

std::optional<std::map<std::string, int>> Consumer::topics(int timeoutMilliseconds) {
    const SignalMask mask;
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client_, 1, nullptr, &metadata, timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    std::map<std::string, int> found;
    for (int i = 0; i < metadata->topic_cnt; ++i)
        if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            found.emplace(metadata->topics[i].topic, metadata->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(metadata);
    return found;
}

std::optional<std::vector<TopicPartition>> Consumer::ends(std::vector<TopicPartition> partitions,
                                                          int timeoutMilliseconds) {
    const SignalMask mask;
    const PartitionList list = listOf(partitions);
    for (int i = 0; i < list->cnt; ++i)
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
    if (rd_kafka_offsets_for_times(client_, list.get(), timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    for (int i = 0; i < list->cnt; ++i) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR || list->elems[i].offset < 0)
            return std::nullopt;
        partitions[static_cast<size_t>(i)].offset = list->elems[i].offset;
    }
    return partitions;
}

std::string Consumer::clusterId() const {
    char* id = rd_kafka_clusterid(client_, 0);
    std::string copy = id ? id : "";
    if (id)
        rd_kafka_mem_free(client_, id);
    return copy;
}

void Consumer::reportProgress(const std::vector<TopicPartition>& next) {
    rd_kafka_commit(client_, listOf(next).get(), 1);
}

// Both run inside poll(), on the caller's thread; nothing may escape into librdkafka's C frames.
void Consumer::onError(rd_kafka_t*, int error, const char* reason, void* self) noexcept {
    try {
        auto* consumer = static_cast<Consumer*>(self);
        if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || consumer->lastError_.empty())
            consumer->lastError_ = refusalNote(reason) + reason;
    } catch (...) {
    }
}

void Consumer::onLog(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept {
    try {
        auto* consumer = static_cast<Consumer*>(rd_kafka_opaque(client));
        if (consumer->log_.size() < maxLogLines)
            consumer->log_.push_back({level, std::string(facility) + ": " + text});
    } catch (...) {
    }
}

} // namespace standin::kafka
