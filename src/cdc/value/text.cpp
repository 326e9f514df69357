#include "base/base64.h"
#include "cdc/value/input.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

std::string_view ValueDecoder::bytes(Input& input, std::string_view text, bool isHex) {
    auto* place = reinterpret_cast<uint8_t*>(arena_.allocate(base64DecodedBound(text), 1));
    if (isHex) {
        if (!hexDecode(text, place))
            input.fail("22P02", "not hexadecimal");
        return {reinterpret_cast<char*>(place), text.size() / 2};
    }
    const auto size = base64Decode(text, place);
    if (!size)
        input.fail("22P02", "not base64");
    return {reinterpret_cast<char*>(place), *size};
}

/// Connect's bytes where text is stored: what Debezium makes of types that it does not know.
std::string_view ValueDecoder::textOfBytes(Input& input) {
    const std::string_view text = bytes(input, string(input), false);
    if (!simdjson::validate_utf8(text.data(), text.size()))
        input.fail("22021", "bytes that are not UTF-8 cannot be stored as text");
    if (!text.empty() && std::memchr(text.data(), '\0', text.size()))
        input.fail("22P05", "the character U+0000 cannot be stored");
    return text;
}

/// The characters of an object or array as they came.
std::string_view ValueDecoder::raw(Input& input) {
    simdjson::ondemand::object object;
    simdjson::ondemand::array array;
    std::string_view text;
    const bool good = input.is(json_type::object) ? !input.json.get_object().get(object) && !object.raw_json().get(text)
                                                  : !input.json.get_array().get(array) && !array.raw_json().get(text);
    if (!good)
        input.fail("22P02", "malformed JSON value");
    return text;
}

namespace {

/// Labels of a schema's `allowed`, where a comma inside one is escaped.
bool isAllowed(std::string_view allowed, std::string_view label) {
    std::string one;
    for (size_t at = 0; at <= allowed.size(); ++at) {
        if (at == allowed.size() || allowed[at] == ',') {
            if (one == label)
                return true;
            one.clear();
        } else {
            at += allowed[at] == '\\' && at + 1 < allowed.size() && allowed[at + 1] == ',';
            one += allowed[at];
        }
    }
    return false;
}

} // namespace

/// MySQL's and MariaDB's streams keep the escape of a comma inside a label, their snapshots do not.
std::string_view ValueDecoder::label(Input& input, std::string_view text) {
    if (text.find("\\,") == std::string_view::npos || isAllowed(input.schema->parameter("allowed"), text))
        return text;
    std::string plain;
    for (size_t at = 0; at < text.size(); ++at) {
        at += text[at] == '\\' && at + 1 < text.size() && text[at + 1] == ',';
        plain += text[at];
    }
    return isAllowed(input.schema->parameter("allowed"), plain) ? arena_.copy(plain) : text;
}

Cell ValueDecoder::decodeText(Input& input) {
    switch (input.semantic()) {
    case Semantic::Decimal:
    case Semantic::VariableScaleDecimal:
        return textCell(arena_.copy(toText(decimal(input))));
    case Semantic::Bits:
        return textCell(bitText(input, -1));
    case Semantic::Point:
        return decodePoint(input);
    case Semantic::Geometry:
        input.fail("22023", "geometries are stored in columns of bytea only");
    case Semantic::Enum:
        return textCell(label(input, string(input)));
    default:
        break;
    }
    if (input.is(json_type::string))
        return textCell(input.wire() == WireType::Bytes ? textOfBytes(input) : string(input));
    if (input.is(json_type::object) || input.is(json_type::array))
        return textCell(raw(input));
    if (const auto text = timeAsText(input))
        return textCell(arena_.copy(*text));
    const std::string_view token = trimmedToken(input.json.raw_json_token());
    if (input.is(json_type::boolean)) {
        bool value = false;
        if (input.json.get_bool().get(value) != simdjson::SUCCESS)
            input.fail("22P02", "malformed JSON value");
    } else if (!decimalFromText(token)) {
        input.fail("22P02", "malformed JSON number");
    }
    return textCell(token);
}

Cell ValueDecoder::decodeUuid(Input& input) {
    if (!input.is(json_type::string))
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
    return bytesCell({bytes, 16});
}

Cell ValueDecoder::decodeBytea(Input& input) {
    if (input.is(json_type::object) &&
        (!input.schema || input.semantic() == Semantic::Geometry || input.semantic() == Semantic::Point))
        return wellKnownBinary(input);
    if (!input.is(json_type::string))
        input.fail("22P02", "bytes are expected as a JSON string");
    const bool named = input.semantic() != Semantic::None && input.semantic() != Semantic::Bits;
    if (named || (input.schema && input.wire() != WireType::Bytes && input.wire() != WireType::String))
        input.fail("22P02", "not bytes");
    return bytesCell(bytes(input, string(input), modes_.binary == BinaryMode::Hex && input.wire() != WireType::Bytes));
}

/// Of {wkb, srid}: the srid is the column's business.
Cell ValueDecoder::wellKnownBinary(Input& input) {
    std::string_view text;
    if (input.json["wkb"].get(text) != simdjson::SUCCESS)
        input.fail("22P02", "bytes are expected as a JSON string");
    return bytesCell(bytes(input, text, false));
}

Cell ValueDecoder::decodePoint(Input& input) {
    if (input.is(json_type::string))
        return textCell(string(input));
    if (!input.is(json_type::object) || (input.schema && input.semantic() != Semantic::Point))
        input.fail("22P02", "not a point");
    std::string text = "(";
    for (const char* axis : {"x", "y"}) {
        simdjson::ondemand::value coordinate;
        if (input.json[axis].get(coordinate) != simdjson::SUCCESS)
            input.fail("22P02", "not a point");
        std::string_view token = trimmedToken(coordinate.raw_json_token());
        if (token.size() > 2 && token.front() == '"' && token.back() == '"') // "NaN", "Infinity"
            token = token.substr(1, token.size() - 2);
        if (!decimalFromText(token))
            input.fail("22P02", "not a point");
        text += token;
        text += *axis == 'x' ? ',' : ')';
    }
    return textCell(arena_.copy(text));
}

namespace {

void appendQuoted(std::string& text, std::string_view part) {
    text += '"';
    for (const char character : part) {
        if (character == '"' || character == '\\')
            text += '\\';
        text += character;
    }
    text += '"';
}

} // namespace

void ValueDecoder::appendHstore(Input& input, simdjson::ondemand::object object, std::string& text) {
    for (auto next : object) {
        simdjson::ondemand::field field;
        std::string_view key, part;
        simdjson::ondemand::json_type type{};
        if (std::move(next).get(field) != simdjson::SUCCESS || field.unescaped_key().get(key) != simdjson::SUCCESS ||
            field.value().type().get(type) != simdjson::SUCCESS)
            input.fail("22P02", "malformed JSON object");
        if (!text.empty())
            text += ',';
        appendQuoted(text, key);
        text += "=>";
        if (type == json_type::null) {
            text += "NULL";
            continue;
        }
        if (type != json_type::string || field.value().get_string().get(part) != simdjson::SUCCESS)
            input.fail("22P02", "an hstore's values are strings");
        appendQuoted(text, part);
    }
    if (text.find('\0') != std::string::npos)
        input.fail("22P05", "the character U+0000 cannot be stored");
}

/// A map, or in Debezium's json mode the same in a string.
Cell ValueDecoder::decodeHstore(Input& input) {
    simdjson::ondemand::object object;
    std::string text;
    if (input.is(json_type::object) && input.json.get_object().get(object) == simdjson::SUCCESS) {
        appendHstore(input, object, text);
        return textCell(arena_.copy(text));
    }
    if (!input.is(json_type::string))
        input.fail("22P02", "not an hstore");
    const std::string_view inner = string(input);
    if (!inner.starts_with('{'))
        return textCell(inner);
    if (!nestedParser_)
        nestedParser_ = std::make_unique<simdjson::ondemand::parser>();
    const simdjson::padded_string padded(inner);
    simdjson::ondemand::document document;
    if (nestedParser_->iterate(padded).get(document) != simdjson::SUCCESS ||
        document.get_object().get(object) != simdjson::SUCCESS)
        input.fail("22P02", "malformed JSON object");
    appendHstore(input, object, text);
    return textCell(arena_.copy(text));
}

} // namespace standin::cdc
