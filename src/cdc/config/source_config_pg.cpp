#include "cdc/config/source_config_pg.h"

#include <algorithm>

#include "pg/spi.h"

namespace standin::cdc {

namespace {

/// The position of a word in the list that the column's CHECK names; the enumerations have the same order.
template <class Enum> Enum enumOf(const std::string& word, std::initializer_list<std::string_view> words) {
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end())
        throw Error("XX000", "unknown option value \"" + word + "\"");
    return static_cast<Enum>(found - words.begin());
}

SourceModes modesOf(const pg::Row& row) {
    SourceModes modes;
    modes.format = enumOf<MessageFormat>(row.get<std::string>(3), {"auto", "envelope", "flattened"});
    modes.timePrecision =
        enumOf<TimePrecision>(row.get<std::string>(4), {"adaptive", "adaptive_time_microseconds", "connect",
                                                        "isostring", "microseconds", "nanoseconds"});
    modes.decimals = enumOf<DecimalMode>(row.get<std::string>(5), {"precise", "string", "double"});
    const std::string binary = row.get<std::string>(6);
    modes.binary = binary == "hex"               ? BinaryMode::Hex
                   : binary == "base64-url-safe" ? BinaryMode::Base64Url
                                                 : BinaryMode::Base64;
    modes.intervals = enumOf<IntervalMode>(row.get<std::string>(7), {"numeric", "string"});
    modes.rounding = enumOf<Rounding>(row.get<std::string>(8), {"error", "truncate", "round"});
    modes.unavailablePlaceholder = row.get<std::string>(9);
    return modes;
}

std::chrono::milliseconds milliseconds(const pg::Row& row, int column) {
    return std::chrono::milliseconds(row.get<int64_t>(column));
}

// One snapshot for all of it: a table without what was mapped with it would store in the clear what is to be masked.
constexpr bool inOneSnapshot = true;

std::vector<TableConfig> loadTables(const std::string& source, const std::string& server) {
    static pg::Statement load("select topic, target::oid, kind = 'history', apply_role::text, on_truncate, "
                              "schema_evolution, foreign_keys = 'skip', row_filter, data_collection "
                              "from standin_private.cdc_table where source = $1 order by topic collate \"C\"",
                              inOneSnapshot);
    static pg::Statement loadColumns("select topic, name::text, kind, coalesce(field, ''), coalesce(argument, '') "
                                     "from standin_private.cdc_column where source = $1 order by topic, name, kind",
                                     inOneSnapshot);
    std::vector<TableConfig> tables;
    for (const pg::Row row : load.run(source))
        tables.push_back({row.get<std::string>(0),
                          row.get<Oid>(1),
                          row.get<bool>(2),
                          row.optional<std::string>(3),
                          enumOf<OnTruncate>(row.get<std::string>(4), {"dead_letter", "ignore", "apply"}),
                          enumOf<SchemaEvolution>(row.get<std::string>(5), {"ignore", "add", "fail"}),
                          row.get<bool>(6),
                          row.optional<std::string>(7),
                          row.optional<std::string>(8),
                          {},
                          {}});
    for (const pg::Row row : loadColumns.run(source)) {
        const auto table =
            std::find_if(tables.begin(), tables.end(),
                         [topic = row.get<std::string>(0)](const auto& one) { return one.topic == topic; });
        table->columns.push_back(
            {row.get<std::string>(1),
             enumOf<ColumnMapping::Kind>(row.get<std::string>(2),
                                         {"field", "expression", "mask", "hash", "constant", "metadata", "drop"}),
             row.get<std::string>(3), row.get<std::string>(4)});
        if (table->columns.back().kind == ColumnMapping::Kind::Hash)
            table->hashKey = kafka::serverOption(server, "cdc.hash.key");
    }
    return tables;
}

/// Tables that their topic's first event creates.
void loadPlannedTables(const std::string& source, std::vector<TableConfig>& tables) {
    static pg::Statement load("select topic, owner::text, on_truncate, schema_evolution, data_collection, "
                              "format('%I.%I', schema_name, table_name) "
                              "from standin_private.cdc_table_planned where source = $1 order by topic");
    for (const pg::Row row : load.run(source)) {
        TableConfig& table = tables.emplace_back();
        table.topic = row.get<std::string>(0);
        table.applyRole = row.get<std::string>(1);
        table.onTruncate = enumOf<OnTruncate>(row.get<std::string>(2), {"dead_letter", "ignore", "apply"});
        table.schemaEvolution = enumOf<SchemaEvolution>(row.get<std::string>(3), {"ignore", "add", "fail"});
        table.dataCollection = row.optional<std::string>(4);
        table.plannedName = row.get<std::string>(5);
    }
}

} // namespace

std::optional<SourceConfig> loadSource(const std::string& source) {
    static pg::Statement load(
        "select c.server::text, c.paused, coalesce(c.pause_reason, ''), s.message_format, s.time_precision_mode, "
        "s.decimal_handling_mode, s.binary_handling_mode, s.interval_handling_mode, s.rounding, "
        "s.unavailable_value_placeholder, s.consistency = 'transaction', s.workers, s.transaction_topic, "
        "s.on_stall = 'apply', (extract(epoch from s.stall_timeout) * 1000)::bigint, s.on_message, "
        "coalesce(s.message_function, ''), (extract(epoch from s.conflict_timeout) * 1000)::bigint, s.signal_topic, "
        "s.batch_records, s.batch_kilobytes, s.queue_kilobytes, s.message_topic, s.schema_topic, s.version "
        "from standin_private.cdc_source s join standin_private.kafka_consumer c on c.consumer = s.source "
        "where s.source = $1",
        inOneSnapshot);
    const pg::Rows found = load.run(source);
    if (found.empty())
        return std::nullopt;
    const pg::Row row = found[0];
    SourceConfig config;
    config.server = row.get<std::string>(0);
    config.paused = row.get<bool>(1);
    config.pauseReason = row.get<std::string>(2);
    config.modes = modesOf(row);
    config.transactional = row.get<bool>(10);
    config.workers = row.get<int32_t>(11);
    config.transactionTopic = row.optional<std::string>(12);
    config.applyOnStall = row.get<bool>(13);
    config.stallTimeout = milliseconds(row, 14);
    config.onMessage = enumOf<OnMessage>(row.get<std::string>(15), {"ignore", "store", "call"});
    config.messageFunction = row.get<std::string>(16);
    config.conflictTimeout = milliseconds(row, 17);
    config.signalTopic = row.optional<std::string>(18);
    config.batchRecords = static_cast<size_t>(row.get<int32_t>(19));
    config.batchBytes = static_cast<size_t>(row.get<int32_t>(20)) * 1024;
    config.queueKilobytes = row.get<int32_t>(21);
    config.messageTopic = row.optional<std::string>(22);
    config.schemaTopic = row.optional<std::string>(23);
    config.version = row.get<int64_t>(24);
    config.tables = loadTables(source, config.server);
    loadPlannedTables(source, config.tables);
    config.properties = kafka::serverProperties(config.server);
    return config;
}

std::string dataCollection(const TableConfig& table, const std::string& topic) {
    return table.dataCollection.value_or(topic.substr(topic.find('.') + 1));
}

} // namespace standin::cdc
