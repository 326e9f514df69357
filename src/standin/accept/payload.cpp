#include "standin/accept/payload.h"

#include <algorithm>
#include <simdjson.h>

#include "base/error.h"

namespace standin::core {

namespace {

using Element = simdjson::dom::element;
namespace ondemand = simdjson::ondemand;

constexpr size_t accountBytesMaximum = 255;

[[noreturn]] void wrong(const PayloadFormat& format, const std::string& what, const std::string& detail = {}) {
    std::string hint = "Operation \"" + format.operation + "\" needs \"" + format.accountField +
                       "\" (string or whole number) and \"" + format.amountField + "\" (number)";
    hint += format.required.size() > 2 ? ", and " + format.required + "." : ".";
    throw Error("22023", what, detail, std::move(hint));
}

const char* typeName(ondemand::json_type type) {
    switch (type) {
    case ondemand::json_type::array:
        return "array";
    case ondemand::json_type::object:
        return "object";
    case ondemand::json_type::number:
        return "number";
    case ondemand::json_type::string:
        return "string";
    case ondemand::json_type::boolean:
        return "boolean";
    default:
        return "null";
    }
}

/// The raw token of a number, so that no digit passes through a double.
std::string numberText(ondemand::value& value) {
    std::string_view token = value.raw_json_token();
    const size_t end = token.find_last_not_of(" \t\r\n");
    return std::string(token.substr(0, end + 1));
}

std::optional<ondemand::value> find(ondemand::object& object, const std::string& field) {
    ondemand::value value;
    if (object.find_field_unordered(field).get(value) != simdjson::SUCCESS)
        return std::nullopt;
    return value;
}

std::string readAccount(const PayloadFormat& format, ondemand::object& object) {
    auto value = find(object, format.accountField);
    if (!value)
        wrong(format, "payload has no account field \"" + format.accountField + "\"");
    const ondemand::json_type type = value->type();
    std::string account;
    if (type == ondemand::json_type::string) {
        account = std::string(std::string_view(value->get_string()));
    } else if (type == ondemand::json_type::number) {
        account = numberText(*value);
        if (account.find_first_not_of("-0123456789") != std::string::npos)
            wrong(format, "account \"" + account + "\" is not a whole number");
    } else {
        wrong(format, "account field \"" + format.accountField + "\" has JSON type " + typeName(type));
    }
    if (account.empty() || account.size() > accountBytesMaximum)
        wrong(format, "account field \"" + format.accountField + "\" must have 1 to 255 bytes");
    return account;
}

std::string readAmount(const PayloadFormat& format, ondemand::object& object) {
    auto value = find(object, format.amountField);
    if (!value)
        wrong(format, "payload has no amount field \"" + format.amountField + "\"");
    const ondemand::json_type type = value->type();
    if (type != ondemand::json_type::number)
        wrong(format, "amount field \"" + format.amountField + "\" has JSON type " + typeName(type) + ", not number");
    return numberText(*value);
}

void checkRequired(const PayloadFormat& format, ondemand::object& object) {
    ondemand::parser parser;
    const simdjson::padded_string text(format.required);
    ondemand::document document = parser.iterate(text);
    for (auto field : document.get_object()) {
        const std::string key(std::string_view(field.unescaped_key()));
        const std::string_view expected = field.value().get_string();
        auto value = find(object, key);
        if (!value)
            wrong(format, "payload has no field \"" + key + "\"");
        const ondemand::json_type type = value->type();
        if (expected != typeName(type))
            wrong(format, "field \"" + key + "\" has JSON type " + typeName(type) + ", not " + std::string(expected));
    }
}

} // namespace

Payload readPayload(const PayloadFormat& format, std::string_view json) {
    try {
        static thread_local ondemand::parser parser;
        const simdjson::padded_string text(json);
        ondemand::document document = parser.iterate(text);
        if (document.type() != ondemand::json_type::object)
            wrong(format, "payload is not a JSON object");
        ondemand::object object = document.get_object();
        Payload payload;
        payload.account = readAccount(format, object);
        payload.amountText = readAmount(format, object);
        payload.amount = Decimal::parse(payload.amountText);
        if (payload.amount.negative() || payload.amount.zero())
            wrong(format, "amount " + payload.amountText + " is not positive",
                  "Field \"" + format.amountField + "\" of operation \"" + format.operation + "\".");
        if (format.required.size() > 2)
            checkRequired(format, object);
        return payload;
    } catch (const simdjson::simdjson_error& error) {
        wrong(format, "payload cannot be read", error.what());
    }
}

} // namespace standin::core
