#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "cdc/event.h"

namespace standin::cdc {

/// What a record's outermost fields say of it, for the records that are not what their topic's others were.
struct RecordShape {
    bool envelope = false;            ///< a known "op" together with "source", "before", "after" or "message"
    bool metadata = false;            ///< fields that only ExtractNewRecordState makes
    std::optional<EventKind> control; ///< a record of Debezium's own, and none of a table that has the same columns
};

/// Malformed JSON has no shape.
RecordShape shapeOf(std::string_view payload, const Target& target, simdjson::ondemand::parser& parser, Arena& arena);

} // namespace standin::cdc
