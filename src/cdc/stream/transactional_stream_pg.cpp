#include "cdc/stream/transactional_stream_pg.h"

#include <algorithm>

#include "cdc/stream/start_offset_pg.h"

namespace standin::cdc {

namespace {

constexpr int metadataTimeout = 500; // milliseconds; a stop has to wait no longer

/// Each partition has a queue of its own, and its share of what may be fetched ahead.
int64_t shareOf(const StreamContext& context) {
    const size_t queues = std::max<size_t>(context.partitions.states().size(), 1);
    return std::max<int64_t>(context.config.queueKilobytes / static_cast<int64_t>(queues), 1);
}

} // namespace

TransactionalStream::TransactionalStream(const StreamContext& context, const std::string& groupId,
                                         TransactionReader::Look look)
    : Stream(context, groupId, kafka::ConsumerLimits{shareOf(context)}), look_(std::move(look)) {}

bool TransactionalStream::start() {
    if (!reader_ && !makeReader())
        return false;
    const PartitionState* topic = partitions_.transactionTopic();
    return reader_->started() || reader_->start(topic ? std::optional(topic->stored) : std::nullopt, metadataTimeout);
}

/// All partitions or none: without one of them no transaction is whole.
bool TransactionalStream::makeReader() {
    std::vector<std::pair<PartitionState*, Start>> starts;
    for (PartitionState* state : partitions_.waiting())
        starts.emplace_back(state, findStart(worker_, source_, consumer_, *state));
    if (std::any_of(starts.begin(), starts.end(),
                    [](const auto& start) { return start.second.kind != Start::Kind::Read; }))
        return false;
    reader_ = std::make_unique<TransactionReader>(consumer_, *config_.transactionTopic, assemblerLimits());
    for (const TableConfig& table : config_.tables)
        if (!table.topic.starts_with("^"))
            reader_->addCollection(dataCollection(table, table.topic));
    for (const auto& [state, start] : starts) {
        state->reading = true;
        if (state == partitions_.transactionTopic())
            continue;
        // No END counts logical messages.
        reader_->addPartition({state->topic, state->partition, state->stored}, start.offset,
                              state->table == noTable ? ""
                                                      : dataCollection(config_.tables[state->table], state->topic));
        lanes_.push_back(state);
    }
    return true;
}

/// What is held together is no more than a batch.
AssemblerLimits TransactionalStream::assemblerLimits() const {
    const size_t partitions = std::max<size_t>(partitions_.states().size(), 1);
    AssemblerLimits limits;
    limits.records = config_.batchRecords;
    limits.bytes = config_.batchBytes;
    limits.heldRecords = std::max<size_t>(config_.batchRecords / partitions, 1);
    limits.heldBytes = std::max<size_t>(config_.batchBytes / partitions, 1);
    limits.stallTimeout = config_.stallTimeout;
    limits.applyOnStall = config_.applyOnStall;
    return limits;
}

void TransactionalStream::receive(Batch& batch) {
    if (!reader_ || !reader_->started())
        return;
    const bool isFirst = release_.boundary;
    kafka::MessageBatch general; // callbacks are served, errors of no partition come
    consumer_.poll(general, 1, 1);
    for (size_t i = 0; i < general.size(); ++i)
        noteAny(general[i]);
    repeatable_ = false;
    std::vector<uint32_t> lanes;
    release_ = reader_->read(
        batch.messages, lanes, [this](const kafka::Message& message) { noteAny(message); }, look_);
    repeatable_ = isFirst;
    for (const uint32_t lane : lanes)
        batch.origins.push_back(lanes_[lane]);
    if (release_.boundary)
        moveOn();
}

void TransactionalStream::noteAny(const kafka::Message& message) {
    PartitionState* state = partitions_.find(message);
    if (message.error() != RD_KAFKA_RESP_ERR_NO_ERROR)
        note(message, state);
    else if (state && !recognise(*state, message))
        throw Error("55000", state->lost);
}

/// Nothing more of a transaction that another topic of this name may say more of.
void TransactionalStream::lostTopic() { throw Error("55000", trouble_); }

void TransactionalStream::moveOn() {
    if (PartitionState* topic = partitions_.transactionTopic())
        topic->next = std::max(topic->stored, reader_->topicNext());
    for (uint32_t lane = 0; lane < lanes_.size(); ++lane)
        lanes_[lane]->next = std::max(lanes_[lane]->stored, reader_->nextOffset(lane));
}

void TransactionalStream::count() {
    if (PartitionState* topic = partitions_.transactionTopic())
        topic->counts.incomplete += release_.incomplete;
}

void TransactionalStream::committed() {
    release_ = {};
    repeatable_ = true;
}

std::optional<Stream::Standing> TransactionalStream::standing() const {
    if (!reader_ || !reader_->started())
        return std::nullopt;
    auto standing = reader_->standing();
    if (standing.detail.empty())
        return std::nullopt;
    return Standing{standing.stalled ? "stalled" : "waiting", std::move(standing.detail)};
}

void TransactionalStream::fetchAhead() {
    if (reader_ && reader_->started())
        reader_->fetchAhead();
}

} // namespace standin::cdc
