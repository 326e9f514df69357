#pragma once

#include <optional>
#include <simdjson.h>
#include <string>
#include <string_view>

#include "standin/accept/field.h"

namespace standin::core {

/// A payload while it is looked at. One at a time: they share a parser.
class PayloadDocument {
public:
    /// Throws simdjson_error, as all that is read from it does.
    explicit PayloadDocument(std::string_view json) : text_(json), document_(parser().iterate(text_)) {}
    PayloadDocument(const PayloadDocument&) = delete;
    PayloadDocument& operator=(const PayloadDocument&) = delete;

    bool isObject() { return document_.type() == simdjson::ondemand::json_type::object; }

    /// Good until the next find.
    std::optional<simdjson::ondemand::value> find(const Field& field) {
        simdjson::ondemand::value value;
        if (document_.at_pointer(field.pointer()).get(value) != simdjson::SUCCESS)
            return std::nullopt;
        return value;
    }

    /// Where the value's token begins in the text.
    size_t placeOf(simdjson::ondemand::value& value) const {
        return static_cast<size_t>(value.raw_json_token().data() - text_.data());
    }

private:
    static simdjson::ondemand::parser& parser() {
        static thread_local simdjson::ondemand::parser one;
        return one;
    }
    simdjson::padded_string text_;
    simdjson::ondemand::document document_;
};

inline const char* typeName(simdjson::ondemand::json_type type) {
    using simdjson::ondemand::json_type;
    switch (type) {
    case json_type::array:
        return "array";
    case json_type::object:
        return "object";
    case json_type::number:
        return "number";
    case json_type::string:
        return "string";
    case json_type::boolean:
        return "boolean";
    default:
        return "null";
    }
}

/// A value's token as it stands there, without the space behind it.
inline std::string_view token(simdjson::ondemand::value& value) {
    const std::string_view raw = value.raw_json_token();
    return raw.substr(0, raw.find_last_not_of(" \t\r\n") + 1);
}

/// The raw token of a number, so that no digit passes through a double.
inline std::string numberText(simdjson::ondemand::value& value) { return std::string(token(value)); }

} // namespace standin::core
