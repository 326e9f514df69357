#include "standin/accept/payload.h"

#include <algorithm>
#include <simdjson.h>

#include "base/error.h"
#include "standin/accept/payload_document.h"

namespace standin::core {

namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t accountBytesMaximum = 255;

[[noreturn]] void wrong(const PayloadFormat& format, const std::string& what, const std::string& detail = {}) {
    std::string hint = "Operation \"" + format.operation + "\" needs \"" + format.account.name() +
                       "\" (string or whole number) and \"" + format.amount.name() + "\" (number, or string with one)";
    if (!format.currencyField.none())
        hint += ", and \"" + format.currencyField.name() + "\" (\"" + format.currency + "\")";
    for (const auto& [field, type] : format.required)
        hint += ", and \"" + field.name() + "\" (" + type + ")";
    throw Error("22023", what, detail, hint + ".");
}

std::string readAccount(const PayloadFormat& format, PayloadDocument& document) {
    auto value = document.find(format.account);
    if (!value)
        wrong(format, "payload has no account field \"" + format.account.name() + "\"");
    const ondemand::json_type type = value->type();
    std::string account;
    if (type == ondemand::json_type::string) {
        account = std::string(std::string_view(value->get_string()));
    } else if (type == ondemand::json_type::number) {
        account = numberText(*value);
        if (account.find_first_not_of("-0123456789") != std::string::npos)
            wrong(format, "account \"" + account + "\" is not a whole number");
    } else {
        wrong(format, "account field \"" + format.account.name() + "\" has JSON type " + typeName(type));
    }
    if (account.empty() || account.size() > accountBytesMaximum)
        wrong(format, "account field \"" + format.account.name() + "\" must have 1 to 255 bytes");
    return account;
}

/// Digits, and more of them after a point. What else Decimal would take is no way to write money.
bool isPlainDecimal(std::string_view text) {
    const size_t point = text.find('.');
    const auto digits = [](std::string_view part) {
        return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    return digits(text.substr(0, point)) && (point == std::string_view::npos || digits(text.substr(point + 1)));
}

std::string readAmount(const PayloadFormat& format, PayloadDocument& document) {
    auto value = document.find(format.amount);
    if (!value)
        wrong(format, "payload has no amount field \"" + format.amount.name() + "\"");
    const ondemand::json_type type = value->type();
    if (type == ondemand::json_type::number)
        return numberText(*value);
    if (type != ondemand::json_type::string)
        wrong(format, "amount field \"" + format.amount.name() + "\" has JSON type " + typeName(type) +
                          ", not number or string");
    std::string text(std::string_view(value->get_string()));
    if (!isPlainDecimal(text))
        wrong(format, "amount \"" + text.substr(0, 64) + "\" is not a plain decimal",
              "Field \"" + format.amount.name() + "\" of operation \"" + format.operation + "\".");
    return text;
}

void checkCurrency(const PayloadFormat& format, PayloadDocument& document) {
    auto value = document.find(format.currencyField);
    if (!value)
        wrong(format, "payload has no currency field \"" + format.currencyField.name() + "\"");
    if (const ondemand::json_type type = value->type(); type != ondemand::json_type::string)
        wrong(format, "currency field \"" + format.currencyField.name() + "\" has JSON type " + typeName(type) +
                          ", not string");
    const std::string currency(std::string_view(value->get_string()));
    if (currency != format.currency)
        wrong(format, "currency \"" + currency.substr(0, 64) + "\" is not the core's",
              "Nothing is converted: amounts are in \"" + format.currency + "\".");
}

void checkRequired(const PayloadFormat& format, PayloadDocument& document) {
    for (const auto& [field, expected] : format.required) {
        auto value = document.find(field);
        if (!value)
            wrong(format, "payload has no field \"" + field.name() + "\"");
        const ondemand::json_type type = value->type();
        if (expected != typeName(type))
            wrong(format, "field \"" + field.name() + "\" has JSON type " + typeName(type) + ", not " + expected);
    }
}

} // namespace

std::vector<std::pair<Field, std::string>> requiredFields(std::string_view json) {
    std::vector<std::pair<Field, std::string>> fields;
    ondemand::parser parser;
    const simdjson::padded_string text(json);
    ondemand::document document = parser.iterate(text);
    for (auto field : document.get_object()) {
        const Field name{std::string_view(field.unescaped_key())};
        fields.emplace_back(name, std::string(std::string_view(field.value().get_string())));
    }
    return fields;
}

Payload readPayload(const PayloadFormat& format, std::string_view json) {
    try {
        PayloadDocument document(json);
        if (!document.isObject())
            wrong(format, "payload is not a JSON object");
        Payload payload;
        payload.account = readAccount(format, document);
        payload.amountText = readAmount(format, document);
        payload.amount = Decimal::parse(payload.amountText);
        if (payload.amount.negative() || payload.amount.zero())
            wrong(format, "amount " + payload.amountText + " is not positive",
                  "Field \"" + format.amount.name() + "\" of operation \"" + format.operation + "\".");
        if (!format.currencyField.none())
            checkCurrency(format, document);
        checkRequired(format, document);
        return payload;
    } catch (const simdjson::simdjson_error& error) {
        wrong(format, "payload cannot be read", error.what());
    }
}

} // namespace standin::core
