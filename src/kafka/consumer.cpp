#include "kafka/consumer.h"

#include <algorithm>

#include "base/error.h"
#include "kafka/client.h"
#include "kafka/partition_list.h"

namespace standin::kafka {

namespace {

constexpr size_t maxLogLines = 100;
constexpr int64_t minFetchKilobytes = 64, maxFetchKilobytes = 4096;

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

void MessageBatch::keep(const std::vector<size_t>& indexes) {
    std::vector<OwnedMessage> kept;
    kept.reserve(indexes.size());
    for (const size_t index : indexes)
        kept.emplace_back(std::exchange(messages_[index], nullptr));
    std::erase(messages_, nullptr);
    clear();
    for (OwnedMessage& message : kept)
        add(std::move(message));
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
    // A fetch at a time is under way: so much of a partition has to last until the next one has come.
    const int64_t fetchKilobytes = std::clamp(limits.queueKilobytes / 4, minFetchKilobytes, maxFetchKilobytes);
    Properties own = properties;
    std::erase_if(own, [](const auto& property) { return isProducerOption(property.first); });
    ClientConfig conf(own, {{"fetch.message.max.bytes", std::to_string(fetchKilobytes * 1024)}});
    conf.set("group.id", groupId);
    conf.set("enable.auto.commit", "false");
    conf.set("enable.auto.offset.store", "false");
    conf.set("auto.offset.reset", "error");
    conf.set("isolation.level", "read_committed");
    conf.set("enable.partition.eof", "true");
    conf.set("allow.auto.create.topics", "false");
    // A broker answers the requests of a connection in their order: a fetch that waits for records holds up the others.
    conf.set("fetch.wait.max.ms", "100");
    conf.set("queued.max.messages.kbytes", std::to_string(limits.queueKilobytes));
    conf.set("log.queue", "true");
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_error_cb(conf.get(), onError);
    rd_kafka_conf_set_log_cb(conf.get(), onLog);

    const SignalMask mask;
    client_ = conf.create(RD_KAFKA_CONSUMER);
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

void Consumer::readFrom(const TopicPartition& place) {
    const SignalMask mask;
    if (const auto error = rd_kafka_assign(client_, listOf({place}).get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw Error("HV000", std::string("could not assign a partition: ") + rd_kafka_err2str(error));
}

void Consumer::readNothing() {
    const SignalMask mask;
    rd_kafka_assign(client_, nullptr);
    MessageBatch dropped;
    while (queued() > 0) {
        const size_t before = queued();
        poll(dropped, 512, SIZE_MAX);
        dropped.clear();
        if (queued() >= before)
            return;
    }
}

void Consumer::pause(const std::vector<TopicPartition>& partitions) {
    const SignalMask mask;
    rd_kafka_pause_partitions(client_, listOf(partitions).get());
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

void Consumer::reportProgress(const std::vector<TopicPartition>& next) {
    rd_kafka_commit(client_, listOf(next).get(), 1);
}

// Both run inside poll(), on the caller's thread; nothing may escape into librdkafka's C frames.
void Consumer::onError(rd_kafka_t*, int error, const char* reason, void* self) noexcept {
    try {
        auto* consumer = static_cast<Consumer*>(self);
        if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || consumer->lastError_.empty())
            consumer->lastError_ = explained(reason);
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
