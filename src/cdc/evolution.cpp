#include "cdc/evolution.h"

#include <algorithm>

#include "base/error.h"

namespace standin::cdc {

namespace {

bool isOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

std::string withNumber(std::string_view type, int32_t number) {
    return std::string(type) + "(" + std::to_string(number) + ")";
}

constexpr int32_t longestText = 10485760;

/// As PostgreSQL allows it; else of any precision.
std::string numeric(int32_t precision, int32_t scale) {
    if (precision < 1 || precision > 1000 || scale < 0 || scale > precision)
        return "numeric";
    return "numeric(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
}

int32_t precisionOf(const FieldSchema& field) { return field.precision > 0 ? field.precision : field.sourceLength; }

/// The n of a source column known to be varchar(n); 0 of any other.
int32_t varcharLengthOf(const FieldSchema& field) {
    const bool isVarchar =
        isOneOf(field.sourceType, {"VARCHAR", "VARCHAR2", "NVARCHAR", "NVARCHAR2", "CHARACTER VARYING"});
    return isVarchar && field.sourceLength > 0 && field.sourceLength <= longestText ? field.sourceLength : 0;
}

/// Strings whose source column, if the connector tells its type, has a namesake here.
const char* namesakeOf(std::string_view sourceType) {
    struct TypeName {
        std::string_view source;
        const char* sql;
    };
    static constexpr TypeName names[] = {
        {"INET", "inet"},         {"CIDR", "cidr"},           {"MACADDR", "macaddr"},     {"MACADDR8", "macaddr8"},
        {"TSVECTOR", "tsvector"}, {"INT4RANGE", "int4range"}, {"INT8RANGE", "int8range"}, {"NUMRANGE", "numrange"},
        {"TSRANGE", "tsrange"},   {"TSTZRANGE", "tstzrange"}, {"DATERANGE", "daterange"},
    };
    for (const TypeName& name : names)
        if (name.source == sourceType)
            return name.sql;
    return nullptr;
}

std::string textTypeOf(const FieldSchema& field) {
    if (const char* namesake = namesakeOf(field.sourceType))
        return namesake;
    if (isOneOf(field.sourceType, {"NUMERIC", "DECIMAL", "NUMBER"})) // decimal.handling.mode = string
        return numeric(field.sourceLength, field.sourceScale);
    if (const int32_t length = varcharLengthOf(field))
        return withNumber("varchar", length);
    if (isOneOf(field.sourceType, {"BPCHAR", "CHAR", "NCHAR", "CHARACTER"}) && field.sourceLength > 0 &&
        field.sourceLength <= longestText)
        return withNumber("char", field.sourceLength);
    return "text";
}

[[noreturn]] void throwUnknown(const FieldSchema& field) {
    throw Error("0A000",
                "no column type is known for field \"" + field.name + "\"" +
                    (field.schemaName.empty() ? "" : " of type " + field.schemaName),
                "", "Add the column by hand, or declare the field dropped with standin.cdc_column_map.");
}

std::string unnamedTypeOf(const FieldSchema& field) {
    switch (field.wire) {
    case WireType::Boolean:
        return "boolean";
    case WireType::Int8:
    case WireType::Int16:
        return "smallint";
    case WireType::Int32:
        return "integer";
    case WireType::Int64:
        return "bigint";
    case WireType::Float32:
        return "real";
    case WireType::Float64:
        return "double precision";
    case WireType::Bytes:
        return "bytea";
    case WireType::String:
        return textTypeOf(field);
    case WireType::Array:
        if (!field.items.empty() && field.items[0].wire != WireType::Array)
            return columnTypeOf(field.items[0]) + "[]";
        throwUnknown(field);
    case WireType::Map:
    case WireType::Struct:
    case WireType::Unknown:
        throwUnknown(field);
    }
    throwUnknown(field);
}

} // namespace

std::string columnTypeOf(const FieldSchema& field) {
    switch (field.semantic) {
    case Semantic::Decimal:
        return numeric(precisionOf(field), field.scale);
    case Semantic::VariableScaleDecimal:
        return "numeric";
    case Semantic::Date:
    case Semantic::IsoDate:
        return "date";
    case Semantic::TimeMillis:
        return "time(3)";
    case Semantic::TimeMicros:
    case Semantic::TimeNanos: // digits beyond microseconds are a matter of the source's `rounding`
    case Semantic::IsoTime:
        return "time";
    case Semantic::ZonedTime:
        return "timetz";
    case Semantic::TimestampMillis:
        return "timestamp(3)";
    case Semantic::TimestampMicros:
    case Semantic::TimestampNanos:
    case Semantic::IsoTimestamp:
        return "timestamp";
    case Semantic::ZonedTimestamp:
        return "timestamptz";
    case Semantic::Year:
        return "integer";
    case Semantic::MicroDuration:
    case Semantic::NanoDuration:
    case Semantic::Interval:
        return "interval";
    case Semantic::Bits:
        return field.length > 0 && field.length <= 83886080 ? withNumber("bit varying", field.length) : "bit varying";
    case Semantic::Json:
        return field.sourceType == "JSONB" ? "jsonb" : "json";
    case Semantic::Xml:
        return "xml";
    case Semantic::Uuid:
        return "uuid";
    case Semantic::TsVector:
        return "tsvector";
    case Semantic::Ltree: // the extension need not be here
    case Semantic::Enum:
    case Semantic::EnumSet:
        return "text";
    case Semantic::Point:
        return "point";
    case Semantic::None:
        return unnamedTypeOf(field);
    case Semantic::Geometry:
    case Semantic::Vector:
    case Semantic::Unsupported:
        throwUnknown(field);
    }
    throwUnknown(field);
}

std::optional<std::string> widenedTypeOf(const FieldSchema& field, const ColumnLimit& limit) {
    if (limit.kind == ColumnLimit::Kind::Varchar) {
        const int32_t length = varcharLengthOf(field);
        if (length > limit.length)
            return withNumber("varchar", length);
        const bool isEndless = field.semantic == Semantic::None && isOneOf(field.sourceType, {"TEXT", "CLOB", "NCLOB"});
        return isEndless ? std::optional<std::string>("text") : std::nullopt;
    }
    const int32_t precision = precisionOf(field);
    if (field.semantic == Semantic::Decimal && field.scale == limit.scale && precision > limit.length)
        return numeric(precision, field.scale);
    return std::nullopt;
}

void checkColumnName(const std::string& name) {
    constexpr size_t longest = 63; // NAMEDATALEN - 1
    if (name.size() > longest)
        throw Error("42622", "the name of field \"" + name + "\" is too long for a column", "",
                    "Give it a shorter one with standin.cdc_column_map.");
    if (name.empty() || name.find('\0') != std::string::npos)
        throw Error("42602", "a field has a name that no column can have", "",
                    "Declare it dropped with standin.cdc_column_map.");
}

} // namespace standin::cdc
