#include "cdc/transaction/reader.h"

#include <algorithm>

namespace standin::cdc {

namespace {

constexpr int64_t lookBack = 20000;    ///< records of the transaction topic that are read again at start
constexpr int barrierTimeout = 500;    // milliseconds
constexpr size_t prefetchDistance = 2; // records

} // namespace

void TransactionReader::addPartition(const kafka::TopicPartition& from, int64_t earliest,
                                     const std::string& collection) {
    assembler_.addPartition("partition " + std::to_string(from.partition) + " of topic " + from.topic, collection,
                            std::max<int64_t>(from.offset, 0));
    lanes_.push_back(Lane{from.topic,
                          from.partition,
                          std::max<int64_t>(from.offset, 0),
                          consumer_.separate(from.topic, from.partition),
                          {},
                          {}});
    assignment_.push_back({from.topic, from.partition, earliest});
}

bool TransactionReader::start(std::optional<int64_t> next, int timeoutMilliseconds) {
    if (next && !startTopic(*next, timeoutMilliseconds))
        return false;
    consumer_.add(assignment_);
    started_ = true;
    return true;
}

bool TransactionReader::startTopic(int64_t next, int timeoutMilliseconds) {
    const auto marks = consumer_.askWatermarks(topic_, 0, timeoutMilliseconds);
    if (!marks)
        return false;
    // Where Kafka no longer has what comes next, it has to say so.
    const int64_t from = next < marks->low ? next : std::max(marks->low, next - lookBack);
    topicStart_ = next;
    assembler_.topicReached(next);
    boundaries_.emplace(Lane{topic_, 0, from, consumer_.separate(topic_, 0), {}, {}});
    assignment_.push_back({topic_, 0, from == 0 ? int64_t(RD_KAFKA_OFFSET_BEGINNING) : from});
    return true;
}

Release TransactionReader::read(kafka::MessageBatch& batch, std::vector<uint32_t>& origins, const Notice& notice,
                                const Look& look) {
    Release whole;
    bool arrived = true;
    while (arrived) {
        arrived = takeBoundaries(notice, look);
        for (uint32_t index = 0; index < lanes_.size(); ++index)
            arrived |= takeMessages(index, notice, look);
        if (assembler_.needsBarrier())
            setBarrier();
        Release release = assembler_.next(Clock::now());
        for (const uint32_t index : release.partitions) {
            batch.add(std::move(lanes_[index].messages.front()));
            lanes_[index].messages.pop_front();
            origins.push_back(index);
        }
        whole.incomplete += release.incomplete;
        whole.boundary = release.boundary;
        if (!release.boundary || origins.size() >= limits_.records || batch.bytes() >= limits_.bytes)
            break;
    }
    return whole;
}

bool TransactionReader::takeMessages(uint32_t index, const Notice& notice, const Look& look) {
    Lane& lane = lanes_[index];
    bool arrived = false;
    while (assembler_.hasRoom(index)) {
        auto messages = lane.queue.poll(limits_.heldRecords);
        if (messages.empty())
            break;
        const auto now = Clock::now();
        for (size_t i = 0; i < messages.size(); ++i) {
            kafka::OwnedMessage& owned = messages[i];
            if (i + prefetchDistance < messages.size())
                kafka::Message(messages[i + prefetchDistance].get()).prefetch();
            const kafka::Message message(owned.get());
            if (message.error() == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                lane.read = std::max(lane.read, message.offset()); // beyond markers of Kafka's transactions
                assembler_.reached(index, lane.read);
            }
            if (message.error() != RD_KAFKA_RESP_ERR_NO_ERROR)
                notice(message);
            else if (message.offset() >= lane.read) {
                arrived = true;
                lane.read = message.offset() + 1;
                assembler_.add(index,
                               {message.offset(), message.timestamp(),
                                message.value().value_or("").size() + message.key().value_or("").size(),
                                records_.mark(look(message), lane.form)},
                               now);
                lane.messages.push_back(std::move(owned));
            } else
                notice(message);
        }
    }
    assembler_.setAtEnd(index, isAtEnd(lane));
    return arrived;
}

bool TransactionReader::takeBoundaries(const Notice& notice, const Look& look) {
    if (!boundaries_)
        return false;
    bool arrived = false;
    while (assembler_.topicHasRoom()) {
        const auto messages = boundaries_->queue.poll(512);
        if (messages.empty())
            break;
        for (const kafka::OwnedMessage& owned : messages) {
            const kafka::Message message(owned.get());
            if (message.error() == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                boundaries_->read = std::max(boundaries_->read, message.offset());
            if (message.error() != RD_KAFKA_RESP_ERR_NO_ERROR) {
                notice(message);
                continue;
            }
            arrived = true;
            boundaries_->read = std::max(boundaries_->read, message.offset() + 1);
            auto boundary = records_.boundary(look(message));
            if (!boundary)
                continue;
            boundary->offset = message.offset();
            boundary->timestamp = message.timestamp();
            if (boundary->offset >= topicStart_)
                assembler_.addBoundary(std::move(*boundary), Clock::now());
            else if (boundary->end)
                assembler_.remember(boundary->id);
        }
    }
    assembler_.topicReached(boundaries_->read);
    assembler_.setTopicAtEnd(isAtEnd(*boundaries_));
    return arrived;
}

bool TransactionReader::isAtEnd(const Lane& lane) const {
    const auto marks = consumer_.watermarks(lane.topic, lane.partition);
    return marks && lane.read >= marks->high && lane.queue.queued() == 0;
}

/// Without an answer it is asked again with the next read.
void TransactionReader::setBarrier() {
    std::vector<kafka::TopicPartition> partitions;
    for (const Lane& lane : lanes_)
        partitions.push_back({lane.topic, lane.partition, 0});
    const auto ends = consumer_.ends(std::move(partitions), barrierTimeout);
    if (!ends)
        return;
    std::vector<int64_t> offsets;
    for (const kafka::TopicPartition& end : *ends)
        offsets.push_back(end.offset);
    assembler_.setBarrier(std::move(offsets));
}

void TransactionReader::fetchAhead() {
    std::vector<kafka::TopicPartition> behind;
    for (const Lane& lane : lanes_) {
        const auto marks = consumer_.watermarks(lane.topic, lane.partition);
        if (marks && marks->high > lane.read && lane.queue.queued() == 0)
            behind.push_back({lane.topic, lane.partition, lane.read});
    }
    if (!behind.empty())
        consumer_.hurry(behind);
}

} // namespace standin::cdc
