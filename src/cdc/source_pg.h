#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cdc/batch_pg.h"
#include "kafka/kafka_pg.h"
#include "kernel/worker.h"

namespace standin::cdc {

/// A source as its tables in the catalog describe it.
struct SourceConfig {
    struct Table {
        std::string topic;
        Oid target;
        std::optional<std::string> applyRole;
        bool ignoreTruncate;

        bool operator==(const Table&) const = default;
    };

    std::string server;
    kafka::Properties properties;
    bool paused = false;
    std::string pauseReason;
    SourceModes modes;
    size_t batchRecords = 0;
    size_t batchBytes = 0;
    int64_t queueKilobytes = 0;
    std::vector<Table> tables;
};

bool operator==(const SourceConfig& left, const SourceConfig& right);

/// Nothing if the source does not exist (any more). Needs a transaction in owner scope, with SPI.
std::optional<SourceConfig> loadSource(const std::string& source);

/// Counts what a batch did in one partition.
void recordProgress(const std::string& source, const PartitionState& partition);

} // namespace standin::cdc
