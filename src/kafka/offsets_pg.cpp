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

std::vector<StoredOffset> loadOffsets(const std::string& consumer) {
    static pg::Statement load("select topic, partition, next_offset, cluster_id from standin_private.kafka_offset "
                              "where consumer = $1 order by topic, partition");
    std::vector<StoredOffset> offsets;
    for (const pg::Row row : load.run(consumer))
        offsets.push_back({row.get<std::string>(0), row.get<int32_t>(1), row.get<int64_t>(2), row.get<std::string>(3)});
    return offsets;
}

void createOffset(const std::string& consumer, const std::string& topic, int32_t partition,
                  const std::string& clusterId) {
    static pg::Statement create(
        "insert into standin_private.kafka_offset (consumer, topic, partition, next_offset, cluster_id) "
        "values ($1, $2, $3, 0, $4) on conflict do nothing");
    create.run(consumer, topic, partition, clusterId);
}

void moveOffset(const std::string& consumer, const std::string& topic, int32_t partition, int64_t expected,
                int64_t next, std::optional<int64_t> end, const std::string& clusterId) {
    static pg::Statement move(
        "update standin_private.kafka_offset set next_offset = $5, end_offset = coalesce($6, end_offset), "
        "cluster_id = $7 where consumer = $1 and topic = $2 and partition = $3 and next_offset = $4");
    if (move.run(consumer, topic, partition, expected, next, end, clusterId).affected() != 1)
        throw OffsetConflict("40001", "the offset of partition " + std::to_string(partition) + " of topic \"" + topic +
                                          "\" is no longer " + std::to_string(expected));
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
        "last_attempt_at = excluded.last_attempt_at");
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
