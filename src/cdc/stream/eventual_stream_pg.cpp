#include "cdc/stream/eventual_stream_pg.h"

#include <algorithm>

#include "cdc/stream/start_offset_pg.h"

namespace standin::cdc {

namespace {

constexpr size_t conflictBatches = 4; ///< so many batches may come together while one waits for what it lacks

} // namespace

EventualStream::EventualStream(const StreamContext& context, const std::string& groupId)
    : Stream(context, groupId, kafka::ConsumerLimits{std::max<int64_t>(context.config.queueKilobytes, 1)}) {}

bool EventualStream::start() {
    std::vector<kafka::TopicPartition> assignment;
    bool answered = true;
    for (PartitionState* state : partitions_.waiting()) {
        const Start start = findStart(worker_, source_, consumer_, *state);
        answered = start.kind != Start::Kind::NoAnswer;
        if (!answered)
            break;
        state->reading = true;
        if (start.kind == Start::Kind::Read && state->topic == config_.schemaTopic)
            schemaChanges_.push_back(consumer_.separate(state->topic, state->partition));
        if (start.kind == Start::Kind::Read)
            assignment.push_back({state->topic, state->partition, start.offset});
    }
    if (!assignment.empty())
        consumer_.add(assignment);
    return answered;
}

void EventualStream::receive(Batch& batch) {
    kafka::MessageBatch& messages = batch.messages;
    for (kafka::PartitionQueue& queue : schemaChanges_)
        for (kafka::OwnedMessage& message : queue.poll(config_.batchRecords))
            messages.add(std::move(message));
    if (messages.size() < conflictBatches * config_.batchRecords &&
        messages.bytes() < conflictBatches * config_.batchBytes)
        consumer_.poll(messages, messages.size() + config_.batchRecords, messages.bytes() + config_.batchBytes);
    while (batch.origins.size() < messages.size()) {
        const kafka::Message message = messages[batch.origins.size()];
        PartitionState* state = partitions_.find(message);
        batch.origins.push_back(nullptr);
        if (message.error() != RD_KAFKA_RESP_ERR_NO_ERROR) {
            note(message, state);
        } else if (state && take(message, *state)) {
            state->next = message.offset() + 1;
            batch.origins.back() = state;
        }
    }
}

/// Whether the message is one to apply.
bool EventualStream::take(const kafka::Message& message, PartitionState& state) {
    if (!state.goesOn())
        return false;
    if (partitions_.isMissing(state.topic)) {
        outdated_ = true; // librdkafka goes on as if this were the same topic
        return false;
    }
    if (message.offset() < state.next) { // there to be recognised, or a stale one of librdkafka's
        recognise(state, message);
        return false;
    }
    if (state.stop && message.offset() >= *state.stop) {
        state.next = *state.stop;
        return false;
    }
    return true;
}

/// Beyond the markers of Kafka's transactions.
void EventualStream::reachedEnd(PartitionState& state, int64_t offset) { state.next = std::max(state.next, offset); }

/// Where one partition says everything in its order, nothing else can be on its way.
bool EventualStream::conflictsMayPass() const { return config_.workers > 1 || partitions_.states().size() > 1; }

void EventualStream::fetchAhead() {
    if (consumer_.queued() >= config_.batchRecords)
        return;
    std::vector<kafka::TopicPartition> behind;
    for (const auto& [key, state] : partitions_.states())
        if (state.reading && state.goesOn() && state.end.value_or(0) > state.next)
            behind.push_back({state.topic, state.partition, state.next});
    if (!behind.empty())
        consumer_.hurry(behind);
}

} // namespace standin::cdc
