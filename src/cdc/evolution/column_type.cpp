#include "cdc/evolution/column_type.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"

namespace standin::cdc {

namespace {

struct TypeName {
    std::string_view from;
    std::string_view sql;
};

template <size_t N> std::optional<std::string> lookUp(const std::array<TypeName, N>& names, std::string_view name) {
    const auto found =
        std::find_if(names.begin(), names.end(), [name](const TypeName& one) { return one.from == name; });
    return found == names.end() ? std::nullopt : std::optional(std::string(found->sql));
}

/// By the schema's name. Nanoseconds beyond what PostgreSQL keeps are a matter of the source's `rounding`.
constexpr std::array byLogicalName{
    TypeName{"org.apache.kafka.connect.data.Date", "date"},
    TypeName{"org.apache.kafka.connect.data.Time", "time(3)"},
    TypeName{"org.apache.kafka.connect.data.Timestamp", "timestamp(3)"},
    TypeName{"io.debezium.data.VariableScaleDecimal", "numeric"},
    TypeName{"io.debezium.time.Date", "date"},
    TypeName{"io.debezium.time.IsoDate", "date"},
    TypeName{"io.debezium.time.Time", "time(3)"},
    TypeName{"io.debezium.time.MicroTime", "time"},
    TypeName{"io.debezium.time.NanoTime", "time"},
    TypeName{"io.debezium.time.IsoTime", "time"},
    TypeName{"io.debezium.time.ZonedTime", "timetz"},
    TypeName{"io.debezium.time.Timestamp", "timestamp(3)"},
    TypeName{"io.debezium.time.MicroTimestamp", "timestamp"},
    TypeName{"io.debezium.time.NanoTimestamp", "timestamp"},
    TypeName{"io.debezium.time.IsoTimestamp", "timestamp"},
    TypeName{"io.debezium.time.ZonedTimestamp", "timestamptz"},
    TypeName{"io.debezium.time.MicroDuration", "interval"},
    TypeName{"io.debezium.time.NanoDuration", "interval"},
    TypeName{"io.debezium.time.Interval", "interval"},
    TypeName{"io.debezium.time.Year", "integer"},
    TypeName{"io.debezium.data.Uuid", "uuid"},
    TypeName{"io.debezium.data.Xml", "xml"},
    TypeName{"io.debezium.data.Ltree", "text"}, // the extension need not be here
    TypeName{"io.debezium.data.Enum", "text"},
    TypeName{"io.debezium.data.EnumSet", "text"},
};

constexpr std::array byWireType{
    TypeName{"boolean", "boolean"},
    TypeName{"int8", "smallint"},
    TypeName{"int16", "smallint"},
    TypeName{"int32", "integer"},
    TypeName{"int64", "bigint"},
    TypeName{"float", "real"},
    TypeName{"float32", "real"},
    TypeName{"double", "double precision"},
    TypeName{"float64", "double precision"},
    TypeName{"bytes", "bytea"},
};

/// Strings whose source column, if the connector tells its type, has a namesake here.
constexpr std::array bySourceType{
    TypeName{"INET", "inet"},           TypeName{"CIDR", "cidr"},           TypeName{"MACADDR", "macaddr"},
    TypeName{"MACADDR8", "macaddr8"},   TypeName{"TSVECTOR", "tsvector"},   TypeName{"INT4RANGE", "int4range"},
    TypeName{"INT8RANGE", "int8range"}, TypeName{"NUMRANGE", "numrange"},   TypeName{"TSRANGE", "tsrange"},
    TypeName{"TSTZRANGE", "tstzrange"}, TypeName{"DATERANGE", "daterange"},
};

/// A number among the schema's parameters, if it is one and in range.
std::optional<int32_t> numberOf(const FieldSchema& field, std::string_view name, int32_t least, int32_t most) {
    const std::string_view text = field.parameter(name);
    int32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < least || number > most)
        return std::nullopt;
    return number;
}

constexpr std::string_view sourceType = "__debezium.source.column.type";
constexpr std::string_view sourceLength = "__debezium.source.column.length";
constexpr std::string_view sourceScale = "__debezium.source.column.scale";

bool isOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string numeric(std::optional<int32_t> precision, std::optional<int32_t> scale) {
    if (!precision || !scale || *scale < 0 || *scale > *precision)
        return "numeric";
    return "numeric(" + std::to_string(*precision) + "," + std::to_string(*scale) + ")";
}

std::optional<int32_t> precisionOf(const FieldSchema& field) {
    if (const auto declared = numberOf(field, "connect.decimal.precision", 1, 1000))
        return declared;
    return numberOf(field, sourceLength, 1, 1000);
}

/// Of a string whose source column is known to be varchar(n).
std::optional<int32_t> varcharLengthOf(const FieldSchema& field) {
    if (!isOneOf(field.parameter(sourceType), {"VARCHAR", "VARCHAR2", "NVARCHAR", "NVARCHAR2", "CHARACTER VARYING"}))
        return std::nullopt;
    return numberOf(field, sourceLength, 1, 10485760);
}

std::string textTypeOf(const FieldSchema& field) {
    const std::string_view source = field.parameter(sourceType);
    if (const auto known = lookUp(bySourceType, source))
        return *known;
    if (isOneOf(source, {"NUMERIC", "DECIMAL", "NUMBER"})) // decimal.handling.mode = string
        return numeric(numberOf(field, sourceLength, 1, 1000), numberOf(field, sourceScale, 0, 1000));
    if (const auto length = varcharLengthOf(field))
        return "varchar(" + std::to_string(*length) + ")";
    if (isOneOf(source, {"BPCHAR", "CHAR", "NCHAR", "CHARACTER"}))
        if (const auto length = numberOf(field, sourceLength, 1, 10485760))
            return "char(" + std::to_string(*length) + ")";
    return "text";
}

[[noreturn]] void throwUnknown(const FieldSchema& field) {
    throw NoColumn("0A000",
                   "no column type is known for field \"" + field.name + "\" of type " +
                       (field.logicalName.empty() ? field.wireType : field.logicalName),
                   "", "Add the column by hand, or declare the field dropped with standin.cdc_column_map.");
}

} // namespace

std::string columnTypeOf(const FieldSchema& field) {
    if (field.logicalName == "org.apache.kafka.connect.data.Decimal")
        return numeric(precisionOf(field), field.scale);
    if (field.logicalName == "io.debezium.data.Json")
        return field.parameter(sourceType) == "JSONB" ? "jsonb" : "json";
    if (field.logicalName == "io.debezium.data.Bits") {
        const auto length = numberOf(field, "length", 1, 83886080);
        return length ? "bit varying(" + std::to_string(*length) + ")" : "bit varying";
    }
    if (const auto known = lookUp(byLogicalName, field.logicalName))
        return *known;
    if (field.wireType == "array" && !field.items.empty() && field.items.front().wireType != "array")
        return columnTypeOf(field.items.front()) + "[]";
    if (field.wireType == "string")
        return textTypeOf(field);
    if (const auto known = lookUp(byWireType, field.wireType))
        return *known;
    throwUnknown(field);
}

std::optional<std::string> widenedTypeOf(const FieldSchema& field, const ColumnLimit& limit) {
    if (limit.kind == ColumnLimit::Kind::Varchar) {
        const auto length = varcharLengthOf(field);
        if (length && *length > limit.length)
            return "varchar(" + std::to_string(*length) + ")";
        if (field.wireType == "string" && isOneOf(field.parameter(sourceType), {"TEXT", "CLOB", "NCLOB"}))
            return "text";
        return std::nullopt;
    }
    const auto precision = precisionOf(field);
    if (field.logicalName == "org.apache.kafka.connect.data.Decimal" && field.scale == limit.scale && precision &&
        *precision > limit.length)
        return numeric(precision, field.scale);
    return std::nullopt;
}

void checkColumnName(const std::string& name) {
    constexpr size_t longest = 63; // NAMEDATALEN - 1
    if (name.size() > longest)
        throw NoColumn("42622", "the name of field \"" + name + "\" is too long for a column", "",
                       "Give it a shorter one with standin.cdc_column_map.");
    if (name.empty() || name.find('\0') != std::string::npos)
        throw NoColumn("42602", "a field has a name that no column can have", "",
                       "Declare it dropped with standin.cdc_column_map.");
    if (isOneOf(name, {"tableoid", "cmax", "xmax", "cmin", "xmin", "ctid"}))
        throw NoColumn("42701", "field \"" + name + "\" has the name of a system column", "",
                       "Give it another one with standin.cdc_column_map.");
}

} // namespace standin::cdc
