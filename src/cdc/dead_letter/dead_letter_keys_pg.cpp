#include "cdc/dead_letter/dead_letter_keys_pg.h"

#include <map>

#include "base/hash.h"
#include "cdc/stream/partition.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

constexpr size_t prefetchDistance = 4; ///< records

uint64_t hashOf(const std::string& topic) { return hashBytes(0, topic); }
uint64_t hashOf(const std::string& topic, std::string_view key) { return hashBytes(hashOf(topic), key); }

} // namespace

void OpenLetters::note(uint64_t hash) {
    keys_.insert(hash);
    likely_.set(hash % likely_.size());
}

void OpenLetters::load(const std::string& source) {
    static pg::Statement load("select topic, key from standin_private.kafka_dead_letter "
                              "where consumer = $1 and key is not null and superseded_by is null");
    for (const pg::Row row : load.run(source))
        note(hashOf(row.get<std::string>(0), pg::bytesOf(row, 1)));
    loaded_ = true;
}

void OpenLetters::bury(const std::string& source, const kafka::Message& message, const PartitionState& partition,
                       const kafka::Failure& failure, const std::optional<kafka::Redacted>& redacted) {
    kafka::writeDeadLetter(source, message, failure, redacted);
    buried_.insert({&partition, message.offset()});
    if (redacted ? redacted->key.has_value() : message.key().has_value())
        note(hashOf(partition.topic, redacted ? *redacted->key : *message.key()));
}

// A tombstone follows a delete and changes nothing. In another partition (the topic got more of them) every record of
// the key is a later one.
void OpenLetters::supersede(const std::string& source, const kafka::MessageBatch& messages,
                            const std::vector<PartitionState*>& partitions, const KeptKey& keptKey) {
    static pg::Statement mark("update standin_private.kafka_dead_letter set superseded_by = $5 where consumer = $1 "
                              "and topic = $2 and key = $4 and (partition <> $3 or record_offset < $5) "
                              "and superseded_by is null");
    if (!loaded_)
        load(source);
    if (keys_.empty())
        return;
    std::map<uint64_t, std::pair<size_t, std::string>> last; // message and key by hash: the last marks all before it
    std::string place;
    const PartitionState* partition = nullptr;
    uint64_t topicHash = 0;
    for (size_t i = 0; i < messages.size(); ++i) {
        messages.prefetchKey(i + prefetchDistance);
        const kafka::Message message = messages[i];
        if (!partitions[i] || !message.key() || !message.value())
            continue;
        const auto key = keptKey(*partitions[i], *message.key(), place);
        if (!key)
            continue;
        if (partition != partitions[i]) {
            partition = partitions[i];
            topicHash = hashOf(partition->topic);
        }
        const uint64_t hash = hashBytes(topicHash, *key);
        if (mayHave(hash) && !buried_.contains({partitions[i], message.offset()}))
            last[hash] = {i, std::string(*key)};
    }
    for (const auto& [hash, found] : last) {
        const auto& [index, key] = found;
        mark.run(source, partitions[index]->topic, messages[index].partition(), pg::Bytea{key},
                 messages[index].offset());
    }
}

void OpenLetters::supersedeAll(const std::string& source, const kafka::Message& truncate) {
    static pg::Statement mark("update standin_private.kafka_dead_letter set superseded_by = $4 where consumer = $1 "
                              "and topic = $2 and (partition <> $3 or record_offset < $4) and superseded_by is null");
    mark.run(source, truncate.topic(), truncate.partition(), truncate.offset());
}

void OpenLetters::supersedeThose(const std::string& source, const kafka::Message& truncate,
                                 const MayBeBefore& mayBeBefore) {
    static pg::Statement load("select partition, record_offset, key, value from standin_private.kafka_dead_letter "
                              "where consumer = $1 and topic = $2 and superseded_by is null");
    static pg::Statement mark("update standin_private.kafka_dead_letter set superseded_by = $5 "
                              "where consumer = $1 and topic = $2 and partition = $3 and record_offset = $4");
    std::vector<std::pair<int32_t, int64_t>> before;
    for (const pg::Row row : load.run(source, truncate.topic())) {
        const auto bytes = [&](int column) {
            return row.isNull(column) ? std::nullopt : std::optional(pg::bytesOf(row, column));
        };
        const std::optional<std::string> key = bytes(2), value = bytes(3);
        if (mayBeBefore(key, value))
            before.emplace_back(row.get<int32_t>(0), row.get<int64_t>(1));
    }
    for (const auto& [partition, offset] : before)
        mark.run(source, truncate.topic(), partition, offset, truncate.offset());
}

} // namespace standin::cdc
