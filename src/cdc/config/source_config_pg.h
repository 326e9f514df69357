#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cdc/config/table_config_pg.h"
#include "cdc/event/event.h"
#include "kafka/kafka_pg.h"
#include "kernel/worker.h"

namespace standin::cdc {

/// A source as its tables in the catalog describe it.
struct SourceConfig {
    int64_t version = 0; ///< of all this but the server's options, see config_version_pg.h
    std::string server;
    kafka::Properties properties;
    bool paused = false;
    std::string pauseReason;
    SourceModes modes;
    bool transactional = false; ///< consistency is "transaction", not "eventual"
    int32_t workers = 1;
    std::optional<std::string> transactionTopic;
    bool applyOnStall = false;
    std::chrono::milliseconds stallTimeout{};
    OnMessage onMessage = OnMessage::Ignore;
    std::string messageFunction;
    std::optional<std::string> messageTopic;
    std::optional<std::string> schemaTopic;
    std::chrono::milliseconds conflictTimeout{};
    std::optional<std::string> signalTopic;
    size_t batchRecords = 0;
    size_t batchBytes = 0;
    int64_t queueKilobytes = 0;
    std::vector<TableConfig> tables;

    bool operator==(const SourceConfig&) const = default;
};

/// What END records of the transaction topic call a topic's table.
std::string dataCollection(const TableConfig& table, const std::string& topic);

/// Nothing if the source does not exist (any more). Needs a transaction in owner scope, with SPI.
std::optional<SourceConfig> loadSource(const std::string& source);

} // namespace standin::cdc
