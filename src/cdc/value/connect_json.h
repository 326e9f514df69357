#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

namespace standin::cdc {

/// What stands around the payload of a record that Kafka Connect's JsonConverter wrote: an object of "schema" and
/// "payload", in either order, since JSON has none.
struct ConnectWrapping {
    std::string prefix; ///< the record up to its payload
    std::string suffix; ///< the record from its payload's end on

    /// Whether the record is wrapped alike: then its payload is what stands between.
    bool matches(std::string_view record) const {
        return record.size() >= prefix.size() + suffix.size() && record.starts_with(prefix) && record.ends_with(suffix);
    }
    std::string_view payloadOf(std::string_view record) const {
        return record.substr(prefix.size(), record.size() - prefix.size() - suffix.size());
    }
};

struct ConnectRecord {
    ConnectWrapping wrapping;
    std::string_view schema; ///< the text of an object, in the record; empty for null
};

/// Nothing for a record that is no such object: a row of a table may have columns of these names.
std::optional<ConnectRecord> connectRecord(simdjson::padded_string_view record, simdjson::ondemand::parser& parser);

/// Whether it is worth while to ask connectRecord().
bool mayBeConnectRecord(std::string_view record);

} // namespace standin::cdc
