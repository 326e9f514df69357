#pragma once

#include <optional>
#include <string_view>

#include "base/arena.h"
#include "cdc/event/event.h"

namespace standin::cdc {

/// What a column may take from a record besides its row.
enum class Metadata : uint8_t {
    Topic,
    Partition,
    Offset,
    Timestamp, ///< Kafka's
    Op,        ///< r, c, u, d
    SourceTime,
    DebeziumTime,
    Origin,  ///< connector and database that the position counts in
    Position ///< in the source's log, in hex; orders as the log does
};

std::optional<Metadata> metadataByName(std::string_view name);

/// Whether a column of this type can store it.
bool fits(Metadata metadata, ColumnType type);

/// Whether all events of a row have the same: only then it can be part of a key by which rows are found again.
bool isStable(Metadata metadata);

/// Where Kafka has the record.
struct RecordPlace {
    std::string_view topic;
    int32_t partition;
    int64_t offset;
    int64_t timestampMillis; ///< -1: none
};

/// The cell for a column that it fits.
Cell metadataCell(Metadata metadata, ColumnType type, const RecordPlace& place, const Event& event, Arena& arena);

} // namespace standin::cdc
