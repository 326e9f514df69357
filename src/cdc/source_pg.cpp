#include "cdc/source_pg.h"

#include "pg/spi.h"

namespace standin::cdc {

namespace {

SourceModes modesOf(const std::string& time, const std::string& decimal, const std::string& binary,
                    std::string placeholder) {
    SourceModes modes;
    modes.timePrecision = time == "connect"    ? TimePrecision::Connect
                          : time == "adaptive" ? TimePrecision::Adaptive
                                               : TimePrecision::AdaptiveMicroseconds;
    modes.decimals = decimal == "string" ? DecimalMode::Text : DecimalMode::Precise;
    modes.binary = binary == "hex" ? BinaryMode::Hex : BinaryMode::Base64;
    modes.unavailablePlaceholder = std::move(placeholder);
    return modes;
}

} // namespace

bool operator==(const SourceConfig& left, const SourceConfig& right) {
    const auto modes = [](const SourceConfig& config) {
        return std::tie(config.modes.timePrecision, config.modes.decimals, config.modes.binary,
                        config.modes.unavailablePlaceholder);
    };
    const auto rest = [](const SourceConfig& config) {
        return std::tie(config.server, config.properties, config.paused, config.pauseReason, config.batchRecords,
                        config.batchBytes, config.queueKilobytes, config.tables);
    };
    return modes(left) == modes(right) && rest(left) == rest(right);
}

std::optional<SourceConfig> loadSource(const std::string& source) {
    static pg::Statement loadOne("select c.server::text, c.paused, coalesce(c.pause_reason, ''), "
                                 "s.time_precision_mode, s.decimal_handling_mode, "
                                 "s.binary_handling_mode, s.unavailable_value_placeholder, s.batch_records, "
                                 "s.batch_kilobytes, s.queue_kilobytes "
                                 "from standin_private.cdc_source s join standin_private.kafka_consumer c on "
                                 "c.consumer = s.source where s.source = $1");
    static pg::Statement loadTables("select topic, target::oid, apply_role::text, on_truncate = 'ignore' "
                                    "from standin_private.cdc_table where source = $1 order by topic");
    const pg::Rows found = loadOne.run(source);
    if (found.empty())
        return std::nullopt;
    const pg::Row row = found[0];
    SourceConfig config;
    config.server = row.get<std::string>(0);
    config.paused = row.get<bool>(1);
    config.pauseReason = row.get<std::string>(2);
    config.modes =
        modesOf(row.get<std::string>(3), row.get<std::string>(4), row.get<std::string>(5), row.get<std::string>(6));
    config.batchRecords = static_cast<size_t>(row.get<int32_t>(7));
    config.batchBytes = static_cast<size_t>(row.get<int32_t>(8)) * 1024;
    config.queueKilobytes = row.get<int32_t>(9);
    for (const pg::Row table : loadTables.run(source))
        config.tables.push_back(
            {table.get<std::string>(0), table.get<Oid>(1), table.optional<std::string>(2), table.get<bool>(3)});
    config.properties = kafka::serverProperties(config.server);
    return config;
}

void recordProgress(const std::string& source, const PartitionState& partition) {
    static pg::Statement record(
        "insert into standin_private.cdc_progress as p (source, topic, partition, reads, inserts, updates, deletes, "
        "ignored, "
        "unknown_fields, dead_letters, batches, bytes, source_at, applied_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, to_timestamp($12::float8 / 1000000), "
        "standin_private.clock_now()) "
        "on conflict (source, topic, partition) do update set reads = p.reads + excluded.reads, "
        "inserts = p.inserts + excluded.inserts, updates = p.updates + excluded.updates, deletes = p.deletes + "
        "excluded.deletes, "
        "ignored = p.ignored + excluded.ignored, unknown_fields = p.unknown_fields + excluded.unknown_fields, "
        "dead_letters = p.dead_letters + excluded.dead_letters, batches = p.batches + 1, bytes = p.bytes + "
        "excluded.bytes, "
        "source_at = coalesce(excluded.source_at, p.source_at), applied_at = excluded.applied_at");
    const PartitionState::Counts& counts = partition.counts;
    record.run(source, partition.topic, partition.partition, counts.reads, counts.inserts, counts.updates,
               counts.deletes, counts.ignored, counts.unknownFields, counts.deadLetters, counts.bytes,
               counts.sourceMicros ? std::optional(static_cast<double>(counts.sourceMicros)) : std::nullopt);
}

} // namespace standin::cdc
