#include "cdc/stream/partitions_pg.h"

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "cdc/stream/partition_progress_pg.h"
#include "pg/spi.h"

extern "C" {
#include <common/hashfn.h>
}

namespace standin::cdc {

namespace {

constexpr int metadataTimeout = 500; // milliseconds; a stop has to wait no longer

bool isPattern(const std::string& topic) { return topic.starts_with("^"); }

/// Which of the topics match, by PostgreSQL's own regular expressions.
std::vector<std::string> matching(const std::vector<std::string>& topics, const std::string& pattern) {
    static pg::Statement match("select t from unnest($1) t where t ~ $2");
    std::vector<std::string> found;
    for (const pg::Row row : match.run(topics, pattern))
        found.push_back(row.get<std::string>(0));
    return found;
}

void name(PartitionState& state, const std::string& topic) {
    state.topic = topic;
    state.heartbeat = topic.starts_with("__debezium-heartbeat");
}

void append(std::string& list, const std::string& item) { list += (list.empty() ? "" : ", ") + item; }

} // namespace

void Partitions::load() {
    for (const kafka::StoredOffset& offset : kafka::loadOffsets(source_)) {
        if (!isOwn(offset.topic, offset.partition))
            continue;
        PartitionState& state = states_[{offset.topic, offset.partition}];
        name(state, offset.topic);
        state.partition = offset.partition;
        state.table = noTable;
        state.stored = state.next = offset.next;
        state.clusterId = offset.clusterId;
        state.seek = offset.seek;
        state.stop = offset.stop;
        state.last = offset.last;
        bounded_ |= offset.stop.has_value();
    }
}

bool Partitions::isCurrent() const {
    size_t own = 0;
    for (const kafka::StoredOffset& offset : kafka::loadOffsets(source_)) {
        if (!isOwn(offset.topic, offset.partition))
            continue;
        const auto state = states_.find({offset.topic, offset.partition});
        if (state == states_.end() || state->second.stored != offset.next || state->second.seek != offset.seek)
            return false;
        ++own;
    }
    return own == states_.size();
}

/// As standin_private.cdc_worker_of() says it to the views. Who owns a partition is agreed upon, not trusted: two
/// workers that both thought so would meet in the compare-and-set of its offset.
bool Partitions::isOwn(const std::string& topic, int32_t partition) const {
    if (config_.workers == 1)
        return true;
    const uint64_t hash =
        hash_bytes_extended(reinterpret_cast<const unsigned char*>(topic.data()), static_cast<int>(topic.size()), 0);
    const uint64_t place = (hash & 0x7fffffff) + static_cast<uint64_t>(partition);
    return static_cast<int32_t>(place % static_cast<uint64_t>(config_.workers)) == ordinal_;
}

Partitions::Discovery Partitions::discover(kernel::Transactions& transactions, kafka::Consumer& consumer) {
    Discovery discovery;
    std::vector<Topic> topics;
    std::string missing;
    discovery.answered = findTopics(transactions, consumer, topics, missing);
    if (!discovery.answered)
        return discovery;
    clusterId_ = consumer.clusterId();
    discovery.returned = noteWhichAreThere(topics);
    if (!missing.empty())
        discovery.trouble = "no such topic: " + missing;
    for (const Topic& topic : topics) {
        if (topic.name == config_.transactionTopic && topic.partitions > 1)
            discovery.trouble = "transaction topic " + topic.name + " has " + std::to_string(topic.partitions) +
                                " partitions, so it has no order; it must have one";
        else
            discovery.enlarged |= enter(transactions, topic);
    }
    return discovery;
}

/// False if Kafka did not answer.
bool Partitions::findTopics(kernel::Transactions& transactions, kafka::Consumer& consumer, std::vector<Topic>& topics,
                            std::string& missing) {
    std::vector<std::pair<std::string, uint32_t>> named;
    bool patterns = false;
    for (uint32_t table = 0; table < config_.tables.size(); ++table)
        if (isPattern(config_.tables[table].topic))
            patterns = true;
        else
            named.emplace_back(config_.tables[table].topic, table);
    if (config_.transactional)
        named.emplace_back(*config_.transactionTopic, noTable);
    if (config_.messageTopic)
        named.emplace_back(*config_.messageTopic, noTable);
    if (config_.schemaTopic)
        named.emplace_back(*config_.schemaTopic, noTable);
    for (const auto& [name, table] : named) {
        const auto count = consumer.partitionCount(name, metadataTimeout);
        if (!count)
            return false; // no answer for this one, none for the next
        if (*count == 0)
            append(missing, name);
        else
            topics.push_back({name, table, *count});
    }
    return !patterns || findMatching(transactions, consumer, topics, missing);
}

/// A topic that is named somewhere is no match for a pattern, nor is one of Kafka's or Debezium's own.
bool Partitions::findMatching(kernel::Transactions& transactions, kafka::Consumer& consumer, std::vector<Topic>& topics,
                              std::string& missing) {
    auto all = consumer.topics(metadataTimeout);
    if (!all)
        return false;
    std::erase_if(*all, [&](const auto& topic) {
        return topic.first.starts_with("__") || topic.first == config_.transactionTopic ||
               topic.first == config_.signalTopic || topic.first == config_.messageTopic ||
               topic.first == config_.schemaTopic ||
               std::any_of(config_.tables.begin(), config_.tables.end(),
                           [&](const TableConfig& table) { return table.topic == topic.first; });
    });
    transactions.transaction([&] {
        for (uint32_t table = 0; table < config_.tables.size(); ++table) {
            const std::string& pattern = config_.tables[table].topic;
            if (!isPattern(pattern))
                continue;
            std::vector<std::string> names;
            for (const auto& [name, count] : *all)
                names.push_back(name);
            const auto found = matching(names, pattern);
            if (found.empty())
                append(missing, pattern);
            for (const std::string& name : found) {
                topics.push_back({name, table, all->at(name)});
                all->erase(name); // the first pattern has it
            }
        }
    });
    return true;
}

/// True if there are new ones among the topic's partitions.
bool Partitions::enter(kernel::Transactions& transactions, const Topic& topic) {
    std::vector<int32_t> unknown;
    for (int32_t partition = 0; partition < topic.partitions && !bounded_; ++partition)
        if (isOwn(topic.name, partition) && !states_.contains({topic.name, partition}))
            unknown.push_back(partition);
    if (!unknown.empty())
        transactions.transaction([&] {
            for (const int32_t partition : unknown)
                kafka::createOffset(source_, topic.name, partition, clusterId_);
        });
    for (const int32_t partition : unknown) {
        PartitionState& state = states_[{topic.name, partition}];
        name(state, topic.name);
        state.partition = partition;
        state.clusterId = clusterId_;
    }
    for (int32_t partition = 0; partition < topic.partitions; ++partition) {
        const auto found = states_.find({topic.name, partition});
        if (found == states_.end())
            continue;
        PartitionState& state = found->second;
        if (!state.clusterId.empty() && !clusterId_.empty() && state.clusterId != clusterId_)
            throw Error("55000",
                        "server \"" + config_.server + "\" is another Kafka cluster than the offsets of topic \"" +
                            topic.name + "\" were stored for",
                        "stored for " + state.clusterId + ", this is " + clusterId_,
                        "If the topics were moved, tell where to go on with standin.cdc_seek.");
        state.table = topic.table;
        state.discovered = true;
        state.alone = topic.partitions == 1;
    }
    return !unknown.empty();
}

/// True if one is back that was gone.
bool Partitions::noteWhichAreThere(const std::vector<Topic>& topics) {
    bool returned = false;
    for (const auto& [key, state] : states_) {
        const bool there =
            std::any_of(topics.begin(), topics.end(), [&](const Topic& topic) { return topic.name == state.topic; });
        if (!there)
            missing_.insert(state.topic);
        else
            returned |= isMissing(state.topic);
    }
    return returned;
}

std::vector<PartitionState*> Partitions::waiting() {
    std::vector<PartitionState*> waiting;
    for (auto& [key, state] : states_)
        if (state.discovered && !state.reading)
            waiting.push_back(&state);
    return waiting;
}

bool Partitions::done() const {
    return bounded_ &&
           std::all_of(states_.begin(), states_.end(), [](const auto& entry) { return entry.second.done(); });
}

std::string Partitions::lost() const {
    std::string all;
    for (const auto& [key, state] : states_)
        if (!state.lost.empty())
            all += (all.empty() ? "" : "; ") + state.lost;
    return all;
}

std::string Partitions::stopped() const {
    std::set<std::string> reasons;
    for (const auto& [key, state] : states_)
        if (!state.stopped.empty())
            reasons.insert(state.stopped);
    std::string all;
    for (const std::string& reason : reasons)
        all += (all.empty() ? "" : "; ") + reason;
    return all;
}

std::vector<kafka::TopicPartition> Partitions::stop(uint32_t table, const std::string& why) {
    std::vector<kafka::TopicPartition> read;
    for (auto& [key, state] : states_) {
        if (state.table != table)
            continue;
        state.stopped = why;
        state.next = state.stored;
        if (state.reading)
            read.push_back({state.topic, state.partition, state.stored});
    }
    return read;
}

PartitionState* Partitions::find(const kafka::Message& message) {
    PartitionState*& known = byHandle_[{message.topicHandle(), message.partition()}];
    if (!known) {
        const auto state = states_.find({message.topic(), message.partition()});
        if (state == states_.end())
            return nullptr;
        known = &state->second;
    }
    return known;
}

PartitionState* Partitions::transactionTopic() {
    const auto state = states_.find({config_.transactionTopic.value_or(""), 0});
    return state == states_.end() || !state->second.discovered ? nullptr : &state->second;
}

bool Partitions::anythingToStore() const {
    return std::any_of(states_.begin(), states_.end(), [](const auto& entry) {
        const PartitionState& state = entry.second;
        return state.next != state.stored || state.counts.records != 0 || state.end != state.storedEnd;
    });
}

void Partitions::store() {
    for (auto& [key, state] : states_) {
        STANDIN_ASSERT(state.next >= state.stored); // only a seek goes back, and that starts anew
        STANDIN_ASSERT(state.goesOn() || state.next == state.stored);
        if (state.next != state.stored || state.end != state.storedEnd)
            kafka::moveOffset(source_, state.topic, state.partition, state.stored, state.next, state.end, clusterId_,
                              state.taken ? std::optional(state.taken->fingerprint()) : std::nullopt);
        if (state.counts.records != 0 || state.counts.incomplete != 0) {
            recordProgress(source_, state);
            storeMarks(source_, state);
        }
    }
}

std::vector<kafka::TopicPartition> Partitions::committed() {
    std::vector<kafka::TopicPartition> moved;
    for (auto& [key, state] : states_) {
        if (state.next != state.stored)
            moved.push_back({state.topic, state.partition, state.next});
        state.stored = state.next;
        state.storedEnd = state.end;
        state.taken.reset();
        state.marks.keep();
        state.storedForm = state.form;
        state.counts = {};
    }
    return moved;
}

void Partitions::noteEnds(const kafka::Consumer& consumer) {
    for (auto& [key, state] : states_)
        if (const auto marks = consumer.watermarks(state.topic, state.partition))
            state.end = std::max(state.end.value_or(0), marks->high);
}

void Partitions::showEnds(kernel::Worker& worker, const kafka::Consumer& consumer) {
    noteEnds(consumer);
    const auto isNews = [](const auto& entry) { return entry.second.end != entry.second.storedEnd; };
    if (std::any_of(states_.begin(), states_.end(), isNews))
        worker.transaction([&] {
            for (const auto& [key, state] : states_)
                if (state.end != state.storedEnd)
                    kafka::storeEnd(source_, state.topic, state.partition, *state.end);
        });
    for (auto& [key, state] : states_)
        state.storedEnd = state.end;
    worker.sawEnd();
}

void Partitions::beginBatch() {
    for (auto& [key, state] : states_)
        state.next = state.stored;
    restartBatch();
}

void Partitions::restartBatch() {
    for (auto& [key, state] : states_) {
        state.taken.reset();
        state.counts = {};
        state.marks.restart();
    }
}

} // namespace standin::cdc
