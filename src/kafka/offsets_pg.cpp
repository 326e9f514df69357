#include "base/base64.h"
#include "kafka/kafka_pg.h"
#include "kernel/clock.h"
#include "pg/spi.h"

extern "C" {
#include <utils/json.h>
#include <lib/stringinfo.h>
#include <mb/pg_wchar.h>
}

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

void settleSeek(const std::string& consumer, const std::string& topic, int32_t partition, int64_t seek, int64_t next) {
    static pg::Statement settle("update standin_private.kafka_offset set next_offset = $5, seek_at = null "
                                "where consumer = $1 and topic = $2 and partition = $3 "
                                "and " STANDIN_SEEK_MILLISECONDS " = $4");
    if (settle.run(consumer, topic, partition, seek, next).affected() != 1)
        conflict(topic, partition, seek);
}

namespace {

std::string headersJson(const std::vector<std::pair<std::string, std::string>>& headers) {
    std::string json = "[";
    for (const auto& [name, value] : headers) {
        // A name is bytes of the producer's choice; jsonb takes UTF-8 only.
        if (!pg_verify_mbstr(PG_UTF8, name.data(), static_cast<int>(name.size()), true)) {
            json += std::string(json.size() > 1 ? "," : "") + "{\"key_base64\":\"" + base64Encode(name) +
                    "\",\"value\":\"" + base64Encode(value) + "\"}";
            continue;
        }
        char* quoted = pg::call([&] {
            StringInfoData text;
            initStringInfo(&text);
            escape_json(&text, name.c_str());
            return text.data;
        });
        json += std::string(json.size() > 1 ? "," : "") + "{\"key\":" + quoted + ",\"value\":\"" + base64Encode(value) +
                "\"}";
    }
    return json + "]";
}

} // namespace

void writeDeadLetter(const std::string& consumer, const Message& message, const Failure& failure,
                     const std::optional<Redacted>& redacted) {
    static pg::Statement write(
        "insert into standin_private.kafka_dead_letter as d (consumer, topic, partition, record_offset, key, value, "
        "headers, "
        "record_at, sqlstate, error, column_name, redacted) values ($1, $2, $3, $4, $5, $6, $7, "
        "to_timestamp($8::float8 / 1000), $9, $10, $11, $12) "
        "on conflict (consumer, topic, partition, record_offset) do update set sqlstate = excluded.sqlstate, "
        "error = excluded.error, column_name = excluded.column_name, key = excluded.key, value = excluded.value, "
        "headers = excluded.headers, redacted = excluded.redacted, attempts = d.attempts + 1, "
        "last_attempt_at = excluded.last_attempt_at, retry_at = null, retry_by = null, retry_force = false");
    const auto bytes = [](std::optional<std::string_view> view) {
        return view ? std::optional(pg::Bytea{*view}) : std::nullopt;
    };
    const int64_t milliseconds = message.timestamp();
    const std::string headers = headersJson(redacted ? redacted->headers : message.headers());
    write.run(consumer, message.topic(), message.partition(), message.offset(),
              bytes(redacted ? redacted->key : message.key()), bytes(redacted ? redacted->value : message.value()),
              pg::Jsonb{headers},
              milliseconds >= 0 && milliseconds < 253402300800000 ? std::optional(static_cast<double>(milliseconds))
                                                                  : std::nullopt,
              failure.sqlstate, failure.message, failure.column, redacted.has_value());
}

} // namespace standin::kafka
