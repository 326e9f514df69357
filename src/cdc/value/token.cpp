#include "base/digits.h"
#include "cdc/value/json.h"
#include "cdc/value/value.h"

namespace standin::cdc {

namespace {

/// An integer of JSON without more ado; nothing for all that needs a second look.
std::optional<int64_t> plainInteger(std::string_view token, int64_t minimum, int64_t maximum) {
    const bool isNegative = token.starts_with('-');
    const std::string_view digits = token.substr(isNegative ? 1 : 0);
    const auto number = plainNumber(digits);
    if (!number || (digits.size() > 1 && digits[0] == '0') || (isNegative && *number == 0))
        return std::nullopt;
    const int64_t value = isNegative ? -*number : *number;
    return value >= minimum && value <= maximum ? std::optional(value) : std::nullopt;
}

} // namespace

/// The commonest values are read here; whatever else there is goes the way of all values, as the one element of an
/// array of its own.
Cell ValueDecoder::decodeToken(std::string_view token, const TargetColumn& column, const FieldSchema* schema) {
    std::optional<int64_t> number;
    if (!schema || schema->semantic == Semantic::None)
        switch (column.type) {
        case ColumnType::Int2:
            number = plainInteger(token, INT16_MIN, INT16_MAX);
            break;
        case ColumnType::Int4:
            number = plainInteger(token, INT32_MIN, INT32_MAX);
            break;
        case ColumnType::Int8:
            number = plainInteger(token, INT64_MIN, INT64_MAX);
            break;
        case ColumnType::Text:
        case ColumnType::Char:
            if (token.size() >= 2 && token[0] == '"' && !std::memchr(token.data(), '\\', token.size()) &&
                (!schema || schema->wire == WireType::String)) {
                const std::string_view text = token.substr(1, token.size() - 2);
                if (!placeholder_.isText(text, false))
                    return textCell(text);
            }
            break;
        default:
            break;
        }
    if (number)
        return valueCell(*number);

    const size_t size = token.size() + 2;
    char* copy = arena_.allocate(size + simdjson::SIMDJSON_PADDING, 1);
    copy[0] = '[';
    std::memcpy(copy + 1, token.data(), token.size());
    copy[size - 1] = ']';
    std::memset(copy + size, ' ', simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document;
    simdjson::ondemand::array array;
    check(parser_.iterate(simdjson::padded_string_view(copy, size, size + simdjson::SIMDJSON_PADDING)).get(document));
    check(document.get_array().get(array));
    Cell cell;
    for (auto element : array) {
        simdjson::ondemand::value value;
        check(std::move(element).get(value));
        cell = decode(value, column, schema);
        break;
    }
    return cell;
}

} // namespace standin::cdc
