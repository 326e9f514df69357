#include "cdc/value/connect_schema.h"

#include <simdjson.h>

#include <array>
#include <charconv>
#include <span>

#include "base/error.h"

namespace standin::cdc {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;

struct KnownSemantic {
    std::string_view name;
    Semantic semantic;
};

constexpr std::string_view connectData = "org.apache.kafka.connect.data.";
constexpr KnownSemantic connectNames[] = {
    {"Decimal", Semantic::Decimal},
    {"Date", Semantic::Date},
    {"Time", Semantic::TimeMillis},
    {"Timestamp", Semantic::TimestampMillis},
};

constexpr std::string_view debezium = "io.debezium.";
constexpr KnownSemantic debeziumNames[] = {
    {"time.Date", Semantic::Date},
    {"time.Time", Semantic::TimeMillis},
    {"time.MicroTime", Semantic::TimeMicros},
    {"time.NanoTime", Semantic::TimeNanos},
    {"time.Timestamp", Semantic::TimestampMillis},
    {"time.MicroTimestamp", Semantic::TimestampMicros},
    {"time.NanoTimestamp", Semantic::TimestampNanos},
    {"time.IsoDate", Semantic::IsoDate},
    {"time.IsoTime", Semantic::IsoTime},
    {"time.IsoTimestamp", Semantic::IsoTimestamp},
    {"time.ZonedTime", Semantic::ZonedTime},
    {"time.ZonedTimestamp", Semantic::ZonedTimestamp},
    {"time.Year", Semantic::Year},
    {"time.MicroDuration", Semantic::MicroDuration},
    {"time.NanoDuration", Semantic::NanoDuration},
    {"time.Interval", Semantic::Interval},
    {"time.StructuredDate", Semantic::Unsupported},
    {"time.StructuredTime", Semantic::Unsupported},
    {"time.StructuredTimestamp", Semantic::Unsupported},
    {"time.StructuredZonedTime", Semantic::Unsupported},
    {"time.StructuredZonedTimestamp", Semantic::Unsupported},
    {"time.StructuredDuration", Semantic::Unsupported},
    {"data.VariableScaleDecimal", Semantic::VariableScaleDecimal},
    {"data.Bits", Semantic::Bits},
    {"data.Json", Semantic::Json},
    {"data.Xml", Semantic::Xml},
    {"data.Uuid", Semantic::Uuid},
    {"data.Ltree", Semantic::Ltree},
    {"data.TsVector", Semantic::TsVector},
    {"data.Tsvector", Semantic::TsVector},
    {"data.Enum", Semantic::Enum},
    {"data.EnumSet", Semantic::EnumSet},
    {"data.geometry.Point", Semantic::Point},
    {"data.geometry.Geometry", Semantic::Geometry},
    {"data.geometry.Geography", Semantic::Geometry},
    {"data.geometry.Circle", Semantic::Unsupported},
    {"data.geometry.Line", Semantic::Unsupported},
    {"data.FloatVector", Semantic::Vector},
    {"data.DoubleVector", Semantic::Vector},
    {"data.SparseDoubleVector", Semantic::Unsupported},
    {"data.SparseVector", Semantic::Unsupported},
    {"data.vector.FloatVector", Semantic::Vector},
    {"data.vector.DoubleVector", Semantic::Vector},
    {"data.vector.SparseDoubleVector", Semantic::Unsupported},
};

Semantic find(std::span<const KnownSemantic> names, std::string_view name) {
    for (const KnownSemantic& known : names)
        if (known.name == name)
            return known.semantic;
    return Semantic::None;
}

WireType wireTypeOf(std::string_view type) {
    struct Known {
        std::string_view name;
        WireType wire;
    };
    static constexpr std::array known{
        Known{"boolean", WireType::Boolean}, Known{"int8", WireType::Int8},     Known{"int16", WireType::Int16},
        Known{"int32", WireType::Int32},     Known{"int64", WireType::Int64},   Known{"float", WireType::Float32},
        Known{"double", WireType::Float64},  Known{"string", WireType::String}, Known{"bytes", WireType::Bytes},
        Known{"array", WireType::Array},     Known{"map", WireType::Map},       Known{"struct", WireType::Struct},
    };
    for (const Known& entry : known)
        if (entry.name == type)
            return entry.wire;
    return WireType::Unknown;
}

std::string_view textOf(const element& object, const char* key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

void readParameters(const element& json, FieldSchema& field) {
    simdjson::dom::object parameters;
    if (json["parameters"].get(parameters) == simdjson::SUCCESS)
        for (const auto& [name, value] : parameters) {
            std::string_view text;
            if (value.get(text) == simdjson::SUCCESS)
                field.parameters.emplace(name, text);
        }
}

/// Connect's parameters are strings.
bool integerParameter(const FieldSchema& field, std::string_view name, int32_t& value) {
    const std::string_view text = field.parameter(name);
    return std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
}

FieldSchema parseField(const element& json) {
    FieldSchema field;
    field.name = textOf(json, "field");
    field.wireType = textOf(json, "type");
    field.wire = wireTypeOf(field.wireType);
    field.logicalName = textOf(json, "name");
    field.semantic = semanticOf(field.logicalName);
    bool optional = false;
    field.optional = json["optional"].get(optional) == simdjson::SUCCESS && optional;
    readParameters(json, field);
    integerParameter(field, "length", field.length);
    if (field.semantic == Semantic::Decimal && !integerParameter(field, "scale", field.scale))
        throw Error("22P02", "decimal field \"" + field.name + "\" has no scale in its schema");
    for (const char* part : {"items", "keys", "values"}) {
        element item;
        if (json[part].get(item) == simdjson::SUCCESS && item.is_object())
            field.items.push_back(parseField(item));
    }
    array members;
    if (json["fields"].get(members) == simdjson::SUCCESS)
        for (const element& member : members)
            field.fields.push_back(parseField(member));
    return field;
}

RowSchema parseFields(const array& fields) {
    RowSchema schema;
    for (const element& field : fields)
        schema.fields.push_back(parseField(field));
    return schema;
}

} // namespace

Semantic semanticOf(std::string_view schemaName) {
    if (schemaName.starts_with(debezium))
        return find(debeziumNames, schemaName.substr(debezium.size()));
    if (schemaName.starts_with(connectData))
        return find(connectNames, schemaName.substr(connectData.size()));
    return Semantic::None;
}

std::string_view FieldSchema::parameter(std::string_view parameterName) const {
    const auto found = parameters.find(parameterName);
    return found == parameters.end() ? std::string_view{} : std::string_view(found->second);
}

const FieldSchema* RowSchema::find(std::string_view name) const {
    for (const FieldSchema& field : fields)
        if (field.name == name)
            return &field;
    return nullptr;
}

RowSchema parseSchema(std::string_view json) {
    simdjson::dom::parser parser;
    element root;
    array fields;
    if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
        root["fields"].get(fields) != simdjson::SUCCESS)
        throw Error("22P02", "the record's schema is not a Connect schema of a struct");
    for (const char* image : {"after", "before"})
        for (const element& field : fields) {
            array row;
            if (textOf(field, "field") == image && field["fields"].get(row) == simdjson::SUCCESS)
                return parseFields(row);
        }
    return parseFields(fields);
}

} // namespace standin::cdc
