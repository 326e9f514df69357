#include <bit>
#include <charconv>
#include <limits>

#include "base/base64.h"
#include "cdc/value/input.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

int64_t ValueDecoder::integer(Input& input) {
    int64_t value = 0;
    if (input.json.get_int64().get(value) == simdjson::SUCCESS)
        return value;
    // A float64 of Connect, or out of range.
    const auto exact = decimalFromText(trimmedToken(input.json.raw_json_token()));
    if (!exact || !exact->isFinite())
        input.fail("22P02", "not an integer");
    return wholeNumber(input, *exact);
}

int64_t ValueDecoder::wholeNumber(Input& input, Decimal decimal) {
    if (!decimal.isFinite())
        input.fail("22003", "integer out of range");
    if (!limitScale(decimal, 0, modes_.rounding))
        input.fail("22003", "more digits after the decimal point than the column can hold");
    const auto value = toInteger(decimal);
    if (!value)
        input.fail("22003", "integer out of range");
    return *value;
}

Cell ValueDecoder::decodeInteger(Input& input, int64_t minimum, int64_t maximum) {
    const int64_t value = input.is(json_type::number)          ? integer(input)
                          : input.semantic() == Semantic::Bits ? bitsAsInteger(input)
                                                               : wholeNumber(input, decimal(input));
    if (value < minimum || value > maximum)
        input.fail("22003", "integer out of range");
    return valueCell(value);
}

Cell ValueDecoder::decodeBool(Input& input) {
    bool value = false;
    if (input.is(json_type::boolean) && input.json.get_bool().get(value) == simdjson::SUCCESS)
        return valueCell(value);
    if (input.is(json_type::number) || input.semantic() == Semantic::Decimal ||
        input.semantic() == Semantic::VariableScaleDecimal) {
        const int64_t number = wholeNumber(input, decimal(input));
        if (number == 0 || number == 1)
            return valueCell(number);
    } else if (input.is(json_type::string)) {
        const std::string_view text = string(input);
        if (text == "true" || text == "t" || text == "1")
            return valueCell(1);
        if (text == "false" || text == "f" || text == "0")
            return valueCell(0);
    }
    input.fail("22P02", "not a boolean");
}

namespace {

template <class Float> Cell floatCell(Float value) {
    if constexpr (sizeof(Float) == sizeof(int64_t))
        return valueCell(std::bit_cast<int64_t>(value));
    else
        return valueCell(std::bit_cast<int32_t>(value));
}

template <class Float> std::optional<Cell> specialFloat(std::string_view text) {
    using Limits = std::numeric_limits<Float>;
    if (text == "NaN")
        return floatCell(Limits::quiet_NaN());
    if (text == "Infinity")
        return floatCell(Limits::infinity());
    if (text == "-Infinity")
        return floatCell(-Limits::infinity());
    return std::nullopt;
}

/// Digits between the first and the last that are not zero.
size_t significantDigits(std::string_view number) {
    const std::string_view mantissa = number.substr(0, number.find_first_of("eE"));
    const size_t first = mantissa.find_first_of("123456789");
    if (first == std::string_view::npos)
        return 0;
    const size_t last = mantissa.find_last_of("123456789");
    const size_t point = mantissa.find('.');
    return last - first + 1 - (point > first && point < last ? 1 : 0);
}

/// Whether a number that has more digits than a float is sure to keep is that float all the same.
bool isExact(std::string_view text, double nearest) {
    int64_t whole = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), whole);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && std::abs(nearest) < 9.3e18 &&
           static_cast<__int128>(nearest) == whole;
}

} // namespace

Cell ValueDecoder::decodeFloat(Input& input, bool isDouble) {
    std::string_view text;
    if (input.is(json_type::number)) {
        text = trimmedToken(input.json.raw_json_token());
    } else {
        if (input.is(json_type::string))
            text = string(input);
        const auto special = isDouble ? specialFloat<double>(text) : specialFloat<float>(text);
        if (special)
            return *special;
        text = arena_.copy(toText(decimal(input)));
        if (const auto other = isDouble ? specialFloat<double>(text) : specialFloat<float>(text))
            return *other;
    }
    const auto parse = [&](auto value) {
        const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
        if (parsed.ec == std::errc::result_out_of_range)
            input.fail("22003", "number out of range");
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
            input.fail("22P02", "not a number");
        return value;
    };
    const auto refuse = [&] {
        if (modes_.rounding == Rounding::Error)
            input.fail("22003", "more digits than the column can hold");
    };
    const size_t digits = significantDigits(text);
    if (isDouble) {
        const double value = parse(double{});
        const bool loses = digits > 17 || (digits > 15 && text.find_first_of(".eE") == std::string_view::npos);
        if (loses && input.wire() != WireType::Float64 && !isExact(text, value))
            refuse();
        return floatCell(value);
    }
    const float value = parse(float{});
    // Java writes a float with up to nine digits, and one widened to a double with all of them.
    if (digits > 9 && input.wire() != WireType::Float32 && static_cast<double>(value) != parse(double{}))
        refuse();
    return floatCell(value);
}

Decimal ValueDecoder::decimalFromBase64(Input& input, std::string_view text, int scale) {
    auto* bytes = reinterpret_cast<uint8_t*>(arena_.allocate(base64DecodedBound(text), 1));
    const auto size = text.size() % 4 == 0 && !text.empty() ? base64Decode(text, bytes) : std::nullopt;
    if (!size)
        input.fail("22P02", "not a base64-encoded decimal");
    return decimalFromUnscaled(bytes, *size, scale);
}

Decimal ValueDecoder::decimalFromStruct(Input& input) {
    int64_t scale = 0;
    std::string_view text;
    if (input.json["scale"].get(scale) != simdjson::SUCCESS || input.json["value"].get(text) != simdjson::SUCCESS ||
        scale < -200000 || scale > 200000)
        input.fail("22P02", "not a decimal of variable scale");
    return decimalFromBase64(input, text, static_cast<int>(scale));
}

Decimal ValueDecoder::decimalFromString(Input& input) {
    const std::string_view text = string(input);
    if (input.semantic() == Semantic::Decimal)
        return decimalFromBase64(input, text, input.schema->scale);
    if (input.wire() == WireType::Bytes)
        input.fail("22P02", "bytes are not a number");
    if (input.schema || modes_.decimals != DecimalMode::Precise) {
        auto parsed = decimalFromText(text);
        if (!parsed)
            input.fail("22P02", "not a number");
        return std::move(*parsed);
    }
    const TargetColumn& column = input.column;
    // Money's scale is the database's; Debezium's own is two unless it is told otherwise.
    const bool scaled = column.type == ColumnType::Numeric ? column.scale >= 0 || column.precision >= 0
                                                           : column.type == ColumnType::Money && column.scale == 2;
    if (!scaled && text.size() % 4 != 0)
        input.fail("22P02", "not a number");
    if (!scaled)
        input.fail("22023",
                   "the event carries no schema and the column no scale: a decimal in base64 could be any number");
    // PostgreSQL's connector takes a negative scale for the eleven bits that hold it: -2 is 2046, and the number has so
    // many digits more, which no column can have.
    constexpr size_t hugeBase64 = 1000;
    const bool elevenBits = column.scale < 0 && text.size() > hugeBase64;
    return decimalFromBase64(input, text, elevenBits ? column.scale + 2048 : column.scale);
}

Decimal ValueDecoder::decimal(Input& input) {
    if (input.is(json_type::number)) {
        auto parsed = decimalFromText(trimmedToken(input.json.raw_json_token()));
        if (!parsed)
            input.fail("22P02", "not a number");
        return std::move(*parsed);
    }
    if (input.is(json_type::object))
        return decimalFromStruct(input);
    if (!input.is(json_type::string))
        input.fail("22P02", "not a number");
    return decimalFromString(input);
}

/// Gives the decimal the scale its column shows, so that the type's own coercion has nothing left to round.
void ValueDecoder::fit(Input& input, Decimal& decimal) {
    const TargetColumn& column = input.column;
    const bool isMoney = column.type == ColumnType::Money;
    const bool limited = column.scale >= 0 || column.precision >= 0;
    if (!decimal.isFinite()) {
        if (isMoney || (limited && decimal.sign != Decimal::Sign::NaN))
            input.fail("22003", "the column cannot hold infinities");
        return;
    }
    if (!limited)
        return;
    if (!limitScale(decimal, column.scale, modes_.rounding))
        input.fail("22003", "more digits after the decimal point than the column can hold");
    if (column.precision >= 0 && !decimal.digits.empty() && decimal.integerDigits() > column.precision - column.scale)
        input.fail("22003", "numeric field overflow");
}

Cell ValueDecoder::decodeNumeric(Input& input) {
    Decimal exact = decimal(input);
    fit(input, exact);
    return numericCell(exact);
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

/// Bits come as little-endian bytes, without those that are zero at the end. `length` is how many digits to write; if
/// it is negative, from the first that is set.
std::string_view ValueDecoder::bitText(Input& input, int32_t length) {
    if (!input.is(json_type::string))
        input.fail("22P02", "not a bit string");
    const std::string_view bits = bytes(input, string(input), false);
    size_t count = bits.size() * 8;
    const auto isSet = [&](size_t bit) { return (static_cast<uint8_t>(bits[bit / 8]) >> (bit % 8) & 1) != 0; };
    while (count > 0 && !isSet(count - 1))
        --count;
    const size_t digits = length < 0 ? count : static_cast<size_t>(length);
    if (count > digits)
        input.fail("22026", "more bits than the column can hold");
    char* text = arena_.allocate(digits, 1);
    for (size_t bit = 0; bit < digits; ++bit)
        text[digits - 1 - bit] = bit < count && isSet(bit) ? '1' : '0';
    return {text, digits};
}

int64_t ValueDecoder::bitsAsInteger(Input& input) {
    int64_t value = 0;
    const std::string_view text = bitText(input, -1);
    if (text.size() > 63)
        input.fail("22003", "integer out of range");
    for (const char digit : text)
        value = value << 1 | (digit - '0');
    return value;
}

namespace {

/// Digits of a bit string where the event tells them. A varying one has lost its leading zeros at the source, and its
/// length in the schema is the column's.
int32_t lengthOfBits(const FieldSchema* schema) {
    const std::string_view type = schema ? schema->parameter("__debezium.source.column.type") : std::string_view{};
    const bool isFixed = type == "BIT" || type == "bit";
    return isFixed && schema->length > 0 && schema->length <= 83886080 ? schema->length : -1;
}

} // namespace

Cell ValueDecoder::decodeBits(Input& input) {
    const TargetColumn& column = input.column;
    bool single = false;
    if (input.is(json_type::boolean) && input.json.get_bool().get(single) == simdjson::SUCCESS)
        return textCell(single ? "1" : "0");
    if (input.wire() == WireType::String)
        return textCell(string(input));
    if (input.schema && input.semantic() != Semantic::Bits)
        input.fail("22P02", "not a bit string");
    if (column.type == ColumnType::Varbit)
        return textCell(bitText(input, lengthOfBits(input.schema)));
    if (input.schema && input.schema->length > 0 && input.schema->length != column.precision)
        input.fail("22026", "the bit string's length is not the column's");
    return textCell(bitText(input, column.precision));
}

} // namespace standin::cdc
