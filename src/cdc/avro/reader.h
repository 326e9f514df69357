#pragma once

#include <string>
#include <string_view>

#include "cdc/avro/schema.h"

namespace standin::cdc {

/// Writes a value in Avro's binary encoding as the JSON that Connect's JsonConverter would have written for it: bytes
/// and decimals in base64, times as numbers. No number changes: integers stay integers, floats get the shortest text
/// that reads back the same. Throws Error (22P03) if the bytes are no value of the schema; nothing that they claim
/// makes it read beyond them, recurse beyond AvroSchema::maxDepth or write without bound.
void avroToJson(const AvroNode& schema, std::string_view body, std::string& json);

} // namespace standin::cdc
