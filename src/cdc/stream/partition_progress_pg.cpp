#include "cdc/stream/partition_progress_pg.h"

#include <cstring>

#include "base/base64.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

std::string bytesOfHex(const std::string& text) {
    std::string bytes(text.size() / 2, '\0');
    hexDecode(text, reinterpret_cast<uint8_t*>(bytes.data()));
    return bytes;
}

} // namespace

void recordProgress(const std::string& source, const PartitionState& partition) {
    static pg::Statement record(
        "insert into standin_private.cdc_progress as p (source, topic, partition, reads, inserts, updates, deletes, "
        "truncates, messages, ignored, filtered, duplicates, unknown_fields, dead_letters, batches, bytes, source_at, "
        "debezium_at, applied_at, incomplete, records) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $15, "
        "to_timestamp($16::float8 / 1000000), to_timestamp($17::float8 / 1000000), standin_private.clock_now(), $18, "
        "$19) "
        "on conflict (source, topic, partition) do update set reads = p.reads + excluded.reads, "
        "inserts = p.inserts + excluded.inserts, updates = p.updates + excluded.updates, "
        "deletes = p.deletes + excluded.deletes, truncates = p.truncates + excluded.truncates, "
        "messages = p.messages + excluded.messages, ignored = p.ignored + excluded.ignored, "
        "filtered = p.filtered + excluded.filtered, duplicates = p.duplicates + excluded.duplicates, "
        "unknown_fields = p.unknown_fields + excluded.unknown_fields, "
        "dead_letters = p.dead_letters + excluded.dead_letters, batches = p.batches + 1, "
        "bytes = p.bytes + excluded.bytes, source_at = coalesce(excluded.source_at, p.source_at), "
        "debezium_at = coalesce(excluded.debezium_at, p.debezium_at), applied_at = excluded.applied_at, "
        "incomplete = p.incomplete + excluded.incomplete, records = p.records + excluded.records, "
        // Of the last ten batches or so; a batch in no time says nothing.
        "record_rate = case when excluded.applied_at > p.applied_at then coalesce(0.9 * p.record_rate, 0) + "
        "(case when p.record_rate is null then 1 else 0.1 end) * excluded.records "
        "/ extract(epoch from excluded.applied_at - p.applied_at)::float8 else p.record_rate end");
    const PartitionState::Counts& counts = partition.counts;
    const auto time = [](int64_t micros) { return micros ? std::optional(static_cast<double>(micros)) : std::nullopt; };
    record.run(source, partition.topic, partition.partition, counts.reads, counts.inserts, counts.updates,
               counts.deletes, counts.truncates, counts.messages, counts.ignored, counts.filtered, counts.duplicates,
               counts.unknownFields, counts.deadLetters, counts.bytes, time(counts.sourceMicros),
               time(counts.debeziumMicros), counts.incomplete, counts.records);
}

void loadMarks(const std::string& source, PartitionState& partition) {
    static pg::Statement load("select origin, encode(position, 'hex'), source_micros, encode(seen, 'hex') "
                              "from standin_private.cdc_position where source = $1 and topic = $2 and partition = $3");
    static pg::Statement loadForm("select flattened from standin_private.cdc_progress "
                                  "where source = $1 and topic = $2 and partition = $3");
    for (const pg::Row row : load.run(source, partition.topic, partition.partition)) {
        PositionMarks::Mark mark;
        mark.origin = row.get<std::string>(0);
        mark.position = bytesOfHex(row.get<std::string>(1));
        mark.micros = row.get<int64_t>(2);
        const std::string seen = bytesOfHex(row.get<std::string>(3));
        std::vector<uint64_t> identities(seen.size() / sizeof(uint64_t));
        std::memcpy(identities.data(), seen.data(), identities.size() * sizeof(uint64_t));
        mark.seen.assign(std::move(identities));
        partition.marks.load(std::move(mark));
    }
    for (const pg::Row row : loadForm.run(source, partition.topic, partition.partition))
        if (const auto flattened = row.optional<bool>(0))
            partition.form = partition.storedForm = *flattened ? RecordForm::Flattened : RecordForm::Envelope;
    partition.marksLoaded = true;
}

void storeMarks(const std::string& source, const PartitionState& partition) {
    static pg::Statement store(
        "insert into standin_private.cdc_position (source, topic, partition, origin, position, source_micros, seen) "
        "values ($1, $2, $3, $4, $5, $6, $7) on conflict (source, topic, partition, origin) do update set "
        "position = excluded.position, source_micros = excluded.source_micros, seen = excluded.seen");
    static pg::Statement storeForm("update standin_private.cdc_progress set flattened = $4 "
                                   "where source = $1 and topic = $2 and partition = $3");
    for (const PositionMarks::Mark& mark : partition.marks.marks())
        if (mark.changed) {
            const std::vector<uint64_t>& seen = mark.seen.all();
            store.run(source, partition.topic, partition.partition, mark.origin, pg::Bytea{mark.position}, mark.micros,
                      pg::Bytea{{reinterpret_cast<const char*>(seen.data()), seen.size() * sizeof(uint64_t)}});
        }
    if (partition.form != partition.storedForm)
        storeForm.run(source, partition.topic, partition.partition, partition.form == RecordForm::Flattened);
}

} // namespace standin::cdc
