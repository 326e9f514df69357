#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace standin::cdc {

/// What a Debezium or Connect schema name says about a field's wire form.
enum class Semantic : uint8_t {
    None,
    Decimal,
    VariableScaleDecimal,
    Date,
    TimeMillis,
    TimeMicros,
    TimeNanos,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    Bytes,
    Text,
};

struct FieldSchema {
    std::string name;
    Semantic semantic = Semantic::None;
    int32_t scale = 0;       ///< of Decimal
    std::string wireType;    ///< Connect's type: int32, string, array...
    std::string logicalName; ///< the schema's name; empty if it has none
    std::map<std::string, std::string, std::less<>> parameters;
    std::shared_ptr<FieldSchema> element; ///< of an array
};

/// The row schema of an envelope or of a key, as Connect's JsonConverter writes it.
struct RowSchema {
    std::vector<FieldSchema> fields;

    const FieldSchema* find(std::string_view name) const;
};

/// Parses a Connect schema. For an envelope, the schema of `after` (or `before`); else the struct's own fields.
RowSchema parseSchema(std::string_view json);

} // namespace standin::cdc
