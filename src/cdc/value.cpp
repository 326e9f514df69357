#include "cdc/value_input.h"

#include <bit>
#include <charconv>
#include <cstdio>
#include <limits>

#include "base/base64.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

namespace {

std::string_view trimmedToken(std::string_view token) {
    while (!token.empty() &&
           (token.back() == ' ' || token.back() == '\n' || token.back() == '\t' || token.back() == '\r'))
        token.remove_suffix(1);
    return token;
}

std::string arrayOfCodes(std::string_view text) {
    std::string json = "[";
    for (const char character : text)
        json += std::to_string(static_cast<unsigned char>(character)) + ",";
    json.back() = ']';
    return json;
}

} // namespace

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

Decimal toDecimal(const DecimalCell& cell) {
    Decimal decimal;
    decimal.sign = cell.sign;
    decimal.weight = cell.weight;
    decimal.displayScale = cell.displayScale;
    decimal.digits.assign(cell.digits(), cell.digits() + cell.count);
    return decimal;
}

ValueDecoder::ValueDecoder(const SourceModes& modes, Arena& arena, simdjson::ondemand::parser& parser)
    : modes_(modes), arena_(arena), parser_(parser), unavailableBase64_(base64Encode(modes.unavailablePlaceholder)),
      unavailableList_("[\"" + modes.unavailablePlaceholder + "\"]"),
      unavailableCodes_(arrayOfCodes(modes.unavailablePlaceholder)) {}

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
        return decodeNumeric(input);
    case ColumnType::Date:
        return decodeDate(input);
    case ColumnType::Time:
        return decodeTime(input);
    case ColumnType::Timestamp:
    case ColumnType::Timestamptz:
        return decodeTimestamp(input);
    case ColumnType::Uuid:
        return decodeUuid(input);
    case ColumnType::Bytea:
        return decodeBytea(input);
    case ColumnType::Interval:
        return decodeInterval(input);
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
    if (input.type == json_type::string) {
        std::string_view token = trimmedToken(input.json.raw_json_token());
        token = token.substr(1, token.size() > 1 ? token.size() - 2 : 0);
        if (token == modes_.unavailablePlaceholder)
            return true;
        return input.column.type == ColumnType::Bytea && token == unavailableBase64_;
    }
    if (input.type != json_type::array)
        return false;
    // Only a short array can be a placeholder, and a look at its first bytes must not consume it.
    const char* text = input.json.raw_json_token().data();
    const auto startsWith = [&](const std::string& whole) {
        return std::strncmp(text, whole.c_str(), whole.size()) == 0;
    };
    return startsWith(unavailableList_) || startsWith(unavailableCodes_);
}

int64_t ValueDecoder::integer(Input& input) {
    int64_t value = 0;
    const auto error = input.json.get_int64().get(value);
    if (error == simdjson::NUMBER_OUT_OF_RANGE)
        input.fail("22003", "integer out of range");
    if (error != simdjson::SUCCESS)
        input.fail("22P02", "not an integer");
    return value;
}

Cell ValueDecoder::decodeInteger(Input& input, int64_t minimum, int64_t maximum) {
    int64_t value = 0;
    if (input.type == json_type::number) {
        value = integer(input);
    } else if (input.type == json_type::string && input.semantic() != Semantic::Decimal) {
        const std::string_view text = string(input);
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec == std::errc::result_out_of_range)
            input.fail("22003", "integer out of range");
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
            input.fail("22P02", "not an integer");
    } else {
        const Decimal exact = decimal(input);
        const std::string text = toText(exact);
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool whole =
            parsed.ptr == text.data() + text.size() ||
            text.find_first_not_of("0", static_cast<size_t>(parsed.ptr - text.data()) + 1) == std::string::npos;
        if (parsed.ec != std::errc() || !whole)
            input.fail("22003", "not a whole number in the column's range");
    }
    if (value < minimum || value > maximum)
        input.fail("22003", "integer out of range");
    return valueCell(value);
}

Cell ValueDecoder::decodeFloat(Input& input, bool isDouble) {
    const std::string_view text =
        input.type == json_type::string ? string(input) : trimmedToken(input.json.raw_json_token());
    if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
        const double infinity = std::numeric_limits<double>::infinity();
        const double value = text == "NaN"    ? std::numeric_limits<double>::quiet_NaN()
                             : text[0] == '-' ? -infinity
                                              : infinity;
        return valueCell(isDouble ? std::bit_cast<int64_t>(value)
                                  : static_cast<int64_t>(std::bit_cast<int32_t>(static_cast<float>(value))));
    }
    if (input.type != json_type::number && input.type != json_type::string)
        input.fail("22P02", "not a number");
    const auto parse = [&](auto& value) {
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec == std::errc::result_out_of_range)
            input.fail("22003", "number out of range");
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
            input.fail("22P02", "not a number");
    };
    if (isDouble) {
        double value = 0;
        parse(value);
        return valueCell(std::bit_cast<int64_t>(value));
    }
    float value = 0;
    parse(value);
    return valueCell(static_cast<int64_t>(std::bit_cast<int32_t>(value)));
}

Decimal ValueDecoder::decimal(Input& input) {
    const auto fromBase64 = [&](std::string_view text, int scale) {
        auto* bytes = reinterpret_cast<uint8_t*>(arena_.allocate(base64DecodedBound(text), 1));
        const auto size = base64Decode(text, bytes);
        if (!size)
            input.fail("22P02", "not a base64-encoded decimal");
        return decimalFromUnscaled(bytes, *size, scale);
    };
    const auto fromText = [&](std::string_view text) {
        auto parsed = decimalFromText(text);
        if (!parsed)
            input.fail("22P02", "not a number");
        return std::move(*parsed);
    };
    if (input.type == json_type::number)
        return fromText(trimmedToken(input.json.raw_json_token()));
    if (input.type == json_type::object) {
        int64_t scale = 0;
        std::string_view text;
        if (input.json["scale"].get(scale) != simdjson::SUCCESS || input.json["value"].get(text) != simdjson::SUCCESS ||
            scale < -200000 || scale > 200000)
            input.fail("22P02", "not a decimal of variable scale");
        return fromBase64(text, static_cast<int>(scale));
    }
    if (input.type != json_type::string)
        input.fail("22P02", "not a number");
    const std::string_view text = string(input);
    if (input.semantic() == Semantic::Decimal)
        return fromBase64(text, input.schema->scale);
    if (input.schema || modes_.decimals == DecimalMode::Text)
        return fromText(text);
    if (input.column.scale < 0)
        input.fail("22023",
                   "the event carries no schema and the column no scale: a decimal in base64 could be any number");
    return fromBase64(text, input.column.scale);
}

Cell ValueDecoder::numericCell(const Decimal& decimal) {
    const size_t size = sizeof(DecimalCell) + decimal.digits.size() * sizeof(int16_t);
    auto* header = new (arena_.allocate(size, alignof(DecimalCell)))
        DecimalCell{decimal.sign, decimal.weight, decimal.displayScale, static_cast<uint16_t>(decimal.digits.size())};
    std::memcpy(header + 1, decimal.digits.data(), decimal.digits.size() * sizeof(int16_t));
    Cell cell;
    cell.kind = CellKind::Numeric;
    cell.size = static_cast<uint32_t>(size);
    cell.data = reinterpret_cast<const char*>(header);
    return cell;
}

Cell ValueDecoder::decodeNumeric(Input& input) { return numericCell(decimal(input)); }

Cell ValueDecoder::decodeUuid(Input& input) {
    if (input.type != json_type::string)
        return decodeText(input);
    const std::string_view text = string(input);
    char digits[32];
    size_t count = 0;
    for (const char character : text) {
        if (character == '-' || character == '{' || character == '}')
            continue;
        if (count == sizeof(digits))
            input.fail("22P02", "not a uuid");
        digits[count++] = character;
    }
    char* bytes = arena_.allocate(16, 1);
    if (count != sizeof(digits) || !hexDecode({digits, count}, reinterpret_cast<uint8_t*>(bytes)))
        input.fail("22P02", "not a uuid");
    Cell cell = textCell({bytes, 16});
    cell.kind = CellKind::Bytes;
    return cell;
}

Cell ValueDecoder::decodeBytea(Input& input) {
    if (input.type != json_type::string)
        input.fail("22P02", "bytes are expected as a JSON string");
    const std::string_view text = string(input);
    auto* bytes = reinterpret_cast<uint8_t*>(arena_.allocate(base64DecodedBound(text), 1));
    Cell cell;
    if (modes_.binary == BinaryMode::Hex && input.semantic() != Semantic::Bytes) {
        if (!hexDecode(text, bytes))
            input.fail("22P02", "not hexadecimal");
        cell = textCell({reinterpret_cast<char*>(bytes), text.size() / 2});
    } else {
        const auto size = base64Decode(text, bytes);
        if (!size)
            input.fail("22P02", "not base64");
        cell = textCell({reinterpret_cast<char*>(bytes), *size});
    }
    cell.kind = CellKind::Bytes;
    return cell;
}

Cell ValueDecoder::decodeBool(Input& input) {
    bool value = false;
    if (input.type == json_type::boolean && input.json.get_bool().get(value) == simdjson::SUCCESS)
        return valueCell(value);
    if (input.type == json_type::number) {
        const int64_t number = integer(input);
        if (number == 0 || number == 1)
            return valueCell(number);
    }
    if (input.type == json_type::string) {
        const std::string_view text = string(input);
        if (text == "true" || text == "t" || text == "1")
            return valueCell(1);
        if (text == "false" || text == "f" || text == "0")
            return valueCell(0);
    }
    input.fail("22P02", "not a boolean");
}

/// Debezium counts an interval in microseconds; PostgreSQL's input would take a bare number for seconds.
Cell ValueDecoder::decodeInterval(Input& input) {
    if (input.type != json_type::number)
        return decodeText(input);
    const int64_t value = integer(input);
    const uint64_t magnitude = value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
    const uint64_t seconds = magnitude / 1000000;
    char text[48];
    const int size = std::snprintf(text, sizeof(text), "%s%lu:%02lu:%02lu.%06lu", value < 0 ? "-" : "", seconds / 3600,
                                   seconds / 60 % 60, seconds % 60, magnitude % 1000000);
    return textCell(arena_.copy({text, static_cast<size_t>(size)}));
}

Cell ValueDecoder::decodeText(Input& input) {
    const Semantic semantic = input.semantic();
    if (semantic == Semantic::Decimal || semantic == Semantic::VariableScaleDecimal)
        return textCell(arena_.copy(toText(decimal(input))));
    if (input.type == json_type::string)
        return textCell(string(input));
    if (input.type == json_type::object || input.type == json_type::array) {
        simdjson::ondemand::object object;
        simdjson::ondemand::array array;
        std::string_view raw;
        const bool good = input.type == json_type::object
                              ? !input.json.get_object().get(object) && !object.raw_json().get(raw)
                              : !input.json.get_array().get(array) && !array.raw_json().get(raw);
        if (!good)
            input.fail("22P02", "malformed JSON value");
        return textCell(raw);
    }
    const std::string_view token = trimmedToken(input.json.raw_json_token());
    if (input.type == json_type::boolean) {
        bool value = false;
        if (input.json.get_bool().get(value) != simdjson::SUCCESS)
            input.fail("22P02", "malformed JSON value");
    } else if (!decimalFromText(token)) {
        input.fail("22P02", "malformed JSON number");
    }
    return textCell(token);
}

} // namespace standin::cdc
