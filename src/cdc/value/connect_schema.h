#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace standin::cdc {

/// What a Debezium or Connect schema name says about a field's wire form.
enum class Semantic : uint8_t {
    None, ///< no name, or one that says nothing about the form
    Decimal,
    VariableScaleDecimal,
    Date,
    TimeMillis,
    TimeMicros,
    TimeNanos,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    IsoDate,
    IsoTime,
    IsoTimestamp,
    ZonedTime,
    ZonedTimestamp,
    Year,
    MicroDuration,
    NanoDuration,
    Interval,
    Bits,
    Json,
    Xml,
    Uuid,
    Ltree,
    TsVector,
    Enum,
    EnumSet,
    Point,
    Geometry,    ///< or Geography: {wkb, srid}
    Vector,      ///< FloatVector or DoubleVector: an array of numbers
    Unsupported, ///< known, and not decoded: structured times, circles, lines, sparse vectors
};

enum class WireType : uint8_t {
    Unknown,
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    String,
    Bytes,
    Array,
    Map,
    Struct,
};

struct FieldSchema {
    std::string name; ///< of the field; empty for items
    Semantic semantic = Semantic::None;
    WireType wire = WireType::Unknown;
    bool optional = false;
    int32_t scale = 0;       ///< of Decimal
    int32_t length = -1;     ///< of Bits: how many
    std::string wireType;    ///< Connect's type: int32, string, array...
    std::string logicalName; ///< the schema's name; empty if it has none
    std::map<std::string, std::string, std::less<>> parameters;
    std::vector<FieldSchema> items;  ///< of an array its element; of a map its key and its value
    std::vector<FieldSchema> fields; ///< of a struct

    /// Empty if the schema has no such parameter.
    std::string_view parameter(std::string_view parameterName) const;
};

/// The meaning of a schema name; None for an unknown one.
Semantic semanticOf(std::string_view schemaName);

/// The row schema of an envelope or of a key, as Connect's JsonConverter writes it.
struct RowSchema {
    std::vector<FieldSchema> fields;

    const FieldSchema* find(std::string_view name) const;
};

/// Parses a Connect schema. For an envelope, the schema of `after` (or `before`); else the struct's own fields.
RowSchema parseSchema(std::string_view json);

} // namespace standin::cdc
