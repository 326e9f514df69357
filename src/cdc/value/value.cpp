#include "cdc/value/value.h"

#include "cdc/value/input.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

Cell valueCell(int64_t value) {
    Cell cell;
    cell.kind = CellKind::Value;
    cell.value = value;
    return cell;
}

Cell textCell(std::string_view text) {
    Cell cell;
    cell.kind = CellKind::Text;
    cell.size = static_cast<uint32_t>(text.size());
    cell.data = text.data();
    return cell;
}

Cell bytesCell(std::string_view bytes) {
    Cell cell = textCell(bytes);
    cell.kind = CellKind::Bytes;
    return cell;
}

Decimal toDecimal(const DecimalCell& cell) {
    Decimal decimal;
    decimal.sign = cell.sign;
    decimal.weight = cell.weight;
    decimal.displayScale = cell.displayScale;
    decimal.digits.assign(cell.digits(), cell.digits() + cell.count);
    return decimal;
}

ValueDecoder::ValueDecoder(const SourceModes& modes, Arena& arena, simdjson::ondemand::parser& parser)
    : modes_(modes), arena_(arena), parser_(parser), placeholder_(modes.unavailablePlaceholder) {}

Cell ValueDecoder::decode(simdjson::ondemand::value value, const TargetColumn& column, const FieldSchema* schema) {
    Input input{value, json_type::null, column, schema};
    if (value.type().get(input.type) != simdjson::SUCCESS)
        input.fail("22P02", "malformed JSON value");
    Cell cell;
    if (input.type == json_type::null) {
        bool isNull = false;
        if (value.is_null().get(isNull) != simdjson::SUCCESS || !isNull)
            input.fail("22P02", "malformed JSON value");
        cell.kind = CellKind::Null;
        return cell;
    }
    if (isUnavailable(input)) {
        cell.kind = CellKind::Unavailable;
        return cell;
    }
    if (schema && schema->semantic == Semantic::Unsupported)
        input.fail("22023", "values of \"" + schema->logicalName + "\" are not supported");
    try {
        return decodeByType(input);
    } catch (const ValueError&) {
        throw;
    } catch (const Error& error) {
        throw ValueError(error.sqlstate().c_str(), column.name, error.what());
    }
}

Cell ValueDecoder::decodeByType(Input& input) {
    switch (input.column.type) {
    case ColumnType::Bool:
        return decodeBool(input);
    case ColumnType::Int2:
        return decodeInteger(input, INT16_MIN, INT16_MAX);
    case ColumnType::Int4:
        return decodeInteger(input, INT32_MIN, INT32_MAX);
    case ColumnType::Int8:
        return decodeInteger(input, INT64_MIN, INT64_MAX);
    case ColumnType::Float4:
        return decodeFloat(input, false);
    case ColumnType::Float8:
        return decodeFloat(input, true);
    case ColumnType::Numeric:
    case ColumnType::Money:
        return decodeNumeric(input);
    case ColumnType::Date:
        return decodeDate(input);
    case ColumnType::Time:
        return decodeTime(input);
    case ColumnType::Timetz:
        return decodeTimetz(input);
    case ColumnType::Timestamp:
    case ColumnType::Timestamptz:
        return decodeTimestamp(input);
    case ColumnType::Interval:
        return decodeInterval(input);
    case ColumnType::Uuid:
        return decodeUuid(input);
    case ColumnType::Bytea:
        return decodeBytea(input);
    case ColumnType::Bit:
    case ColumnType::Varbit:
        return decodeBits(input);
    case ColumnType::Point:
        return decodePoint(input);
    case ColumnType::Hstore:
        return decodeHstore(input);
    case ColumnType::Array:
        return decodeArray(input);
    case ColumnType::Text:
    case ColumnType::Char:
    case ColumnType::Other:
        break;
    }
    return decodeText(input);
}

/// The characters of a JSON string: a view of the document, or unescaped into the arena.
std::string_view ValueDecoder::string(Input& input) {
    std::string_view token = trimmedToken(input.json.raw_json_token());
    simdjson::ondemand::raw_json_string raw;
    if (token.size() < 2 || token.back() != '"' || input.json.get_raw_json_string().get(raw) != simdjson::SUCCESS)
        input.fail("22P02", "malformed JSON string");
    token = token.substr(1, token.size() - 2);
    if (!token.empty() && std::memchr(token.data(), '\\', token.size())) {
        auto* place = reinterpret_cast<uint8_t*>(arena_.allocate(token.size() + simdjson::SIMDJSON_PADDING, 1));
        if (parser_.unescape(raw, place).get(token) != simdjson::SUCCESS)
            input.fail("22P02", "malformed escape in JSON string");
        if (std::memchr(token.data(), '\0', token.size()))
            input.fail("22P05", "the character U+0000 cannot be stored");
    }
    return token;
}

bool ValueDecoder::isUnavailable(Input& input) {
    if (input.is(json_type::string)) {
        std::string_view token = trimmedToken(input.json.raw_json_token());
        token = token.substr(1, token.size() > 1 ? token.size() - 2 : 0);
        return placeholder_.isText(token, input.column.type == ColumnType::Bytea || input.wire() == WireType::Bytes);
    }
    // A look at the first bytes must not consume the structure.
    return (input.is(json_type::array) || input.is(json_type::object)) &&
           placeholder_.isStructure(input.json.raw_json_token().data());
}

} // namespace standin::cdc
