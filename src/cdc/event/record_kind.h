#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "cdc/event/event.h"

namespace standin::cdc {

/// What a record's outermost fields say of it, for the records that are not what their topic's others were.
struct RecordShape {
    bool envelope = false;            ///< a known "op" together with "source", "before", "after" or "message"
    bool metadata = false;            ///< fields that only ExtractNewRecordState makes
    std::optional<EventKind> control; ///< a record of Debezium's own, by its key and its fields
};

/// Malformed JSON has no shape.
RecordShape shapeOf(std::string_view payload, const std::optional<std::string_view>& key, const Target& target,
                    simdjson::ondemand::parser& parser, Arena& arena);

} // namespace standin::cdc
