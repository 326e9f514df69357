#include "kafka/kafka_pg.h"
#include "kernel/clock.h"
#include "pg/spi.h"

namespace standin::kafka {

namespace {

// Milliseconds of a wish; infinity is the end (RD_KAFKA_OFFSET_END), what is before 1970 the first record of all.
#define STANDIN_SEEK_MILLISECONDS                                                                                      \
    "case when seek_at = 'infinity' then -1 when seek_at < 'epoch' then 0 "                                            \
    "else floor(extract(epoch from seek_at) * 1000) end::bigint"

} // namespace

std::vector<StoredOffset> loadOffsets(const std::string& consumer) {
    static pg::Statement load("select topic, partition, next_offset, cluster_id, " STANDIN_SEEK_MILLISECONDS
                              ", stop_offset, record_offset, record_hash from standin_private.kafka_offset "
                              "where consumer = $1 order by topic, partition");
    std::vector<StoredOffset> offsets;
    for (const pg::Row row : load.run(consumer)) {
        std::optional<Fingerprint> last;
        if (const auto offset = row.optional<int64_t>(6))
            last = Fingerprint{*offset, row.get<int64_t>(7)};
        offsets.push_back({row.get<std::string>(0), row.get<int32_t>(1), row.get<int64_t>(2), row.get<std::string>(3),
                           row.optional<int64_t>(4), row.optional<int64_t>(5), last});
    }
    return offsets;
}

void createOffset(const std::string& consumer, const std::string& topic, int32_t partition,
                  const std::string& clusterId) {
    static pg::Statement create(
        "insert into standin_private.kafka_offset (consumer, topic, partition, next_offset, cluster_id) "
        "values ($1, $2, $3, 0, $4) on conflict do nothing");
    create.run(consumer, topic, partition, clusterId);
}

namespace {

[[noreturn]] void conflict(const std::string& topic, int32_t partition, int64_t expected) {
    throw OffsetConflict("40001", "the offset of partition " + std::to_string(partition) + " of topic \"" + topic +
                                      "\" is no longer " + std::to_string(expected));
}

} // namespace

void moveOffset(const std::string& consumer, const std::string& topic, int32_t partition, int64_t expected,
                int64_t next, std::optional<int64_t> end, const std::string& clusterId,
                const std::optional<Fingerprint>& last) {
    static pg::Statement move(
        "update standin_private.kafka_offset set next_offset = $5, end_offset = coalesce($6, end_offset), "
        "cluster_id = $7, record_offset = coalesce($8, record_offset), record_hash = coalesce($9, record_hash) "
        "where consumer = $1 and topic = $2 and partition = $3 and next_offset = $4 and seek_at is null");
    if (move.run(consumer, topic, partition, expected, next, end, clusterId,
                 last ? std::optional(last->offset) : std::nullopt, last ? std::optional(last->hash) : std::nullopt)
            .affected() != 1)
        conflict(topic, partition, expected);
}

void storeEnd(const std::string& consumer, const std::string& topic, int32_t partition, int64_t end) {
    static pg::Statement store("update standin_private.kafka_offset set end_offset = $4 "
                               "where consumer = $1 and topic = $2 and partition = $3");
    store.run(consumer, topic, partition, end);
}

void settleSeek(const std::string& consumer, const std::string& topic, int32_t partition, int64_t seek, int64_t next) {
    static pg::Statement settle("update standin_private.kafka_offset set next_offset = $5, seek_at = null "
                                "where consumer = $1 and topic = $2 and partition = $3 "
                                "and " STANDIN_SEEK_MILLISECONDS " = $4");
    if (settle.run(consumer, topic, partition, seek, next).affected() != 1)
        conflict(topic, partition, seek);
}

} // namespace standin::kafka
