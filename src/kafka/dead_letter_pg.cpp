#include "base/base64.h"
#include "base/text.h"
#include "kafka/kafka_pg.h"
#include "pg/spi.h"

extern "C" {
#include <lib/stringinfo.h>
#include <mb/pg_wchar.h>
#include <utils/json.h>
}

namespace standin::kafka {

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
        "record_at, sqlstate, error, column_name, redacted, hint) values ($1, $2, $3, $4, $5, $6, $7, "
        "to_timestamp($8::float8 / 1000), $9, $10, $11, $12, nullif($13, '')) "
        "on conflict (consumer, topic, partition, record_offset) do update set sqlstate = excluded.sqlstate, "
        "error = excluded.error, hint = excluded.hint, column_name = excluded.column_name, key = excluded.key, value = "
        "excluded.value, "
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
              failure.sqlstate, foreignText(failure.message), failure.column, redacted.has_value(),
              foreignText(failure.hint));
}

} // namespace standin::kafka
