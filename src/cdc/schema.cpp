#include "cdc/schema.h"

#include <simdjson.h>

#include <array>
#include <charconv>

#include "base/error.h"

namespace standin::cdc {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;

Semantic semanticOf(std::string_view name, std::string_view wireType) {
    struct Known {
        std::string_view name;
        Semantic semantic;
    };
    static constexpr std::array known{
        Known{"org.apache.kafka.connect.data.Decimal", Semantic::Decimal},
        Known{"org.apache.kafka.connect.data.Date", Semantic::Date},
        Known{"org.apache.kafka.connect.data.Time", Semantic::TimeMillis},
        Known{"org.apache.kafka.connect.data.Timestamp", Semantic::TimestampMillis},
        Known{"io.debezium.data.VariableScaleDecimal", Semantic::VariableScaleDecimal},
        Known{"io.debezium.time.Date", Semantic::Date},
        Known{"io.debezium.time.Time", Semantic::TimeMillis},
        Known{"io.debezium.time.MicroTime", Semantic::TimeMicros},
        Known{"io.debezium.time.NanoTime", Semantic::TimeNanos},
        Known{"io.debezium.time.Timestamp", Semantic::TimestampMillis},
        Known{"io.debezium.time.MicroTimestamp", Semantic::TimestampMicros},
        Known{"io.debezium.time.NanoTimestamp", Semantic::TimestampNanos},
    };
    for (const Known& entry : known)
        if (entry.name == name)
            return entry.semantic;
    if (wireType == "bytes")
        return Semantic::Bytes;
    return wireType == "string" ? Semantic::Text : Semantic::None;
}

std::string_view textOf(const element& object, const char* key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

FieldSchema parseField(const element& json) {
    FieldSchema field;
    field.name = textOf(json, "field");
    field.wireType = textOf(json, "type");
    field.logicalName = textOf(json, "name");
    field.semantic = semanticOf(field.logicalName, field.wireType);
    simdjson::dom::object parameters;
    if (json["parameters"].get(parameters) == simdjson::SUCCESS)
        for (const auto& [name, value] : parameters)
            field.parameters.emplace(name, textOf(json["parameters"], std::string(name).c_str()));
    element items;
    if (json["items"].get(items) == simdjson::SUCCESS && items.is_object())
        field.element = std::make_shared<FieldSchema>(parseField(items));
    if (field.semantic == Semantic::Decimal) {
        const std::string_view scale = textOf(json["parameters"].error() ? json : json["parameters"].value(), "scale");
        if (std::from_chars(scale.data(), scale.data() + scale.size(), field.scale).ec != std::errc())
            throw Error("22P02", "decimal field \"" + field.name + "\" has no scale in its schema");
    }
    return field;
}

RowSchema parseFields(const array& fields) {
    RowSchema schema;
    for (const element& field : fields)
        schema.fields.push_back(parseField(field));
    return schema;
}

} // namespace

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
