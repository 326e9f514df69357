#include <algorithm>
#include <array>

#include "base/error.h"
#include "standin/accept/payload.h"
#include "standin/accept/payload_document.h"

namespace standin::core {

namespace {

bool partOfNumber(char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-'; }

/// The string that begins at a quote, with both quotes.
std::string_view stringAt(std::string_view json, size_t begin) {
    size_t end = begin + 1;
    while (end < json.size() && json[end] != '"')
        end += json[end] == '\\' ? 2 : 1;
    return json.substr(begin, end + 1 - begin);
}

std::string_view shortest(std::string_view number) {
    if (number.find('.') == std::string_view::npos)
        return number;
    number = number.substr(0, number.find_last_not_of('0') + 1);
    return number.ends_with('.') ? number.substr(0, number.size() - 1) : number;
}

struct Replacement {
    size_t begin;
    size_t length;
    std::string text;
};

/// 4711 and "4711" are one account.
Replacement accountByName(PayloadDocument& document, const Field& field) {
    auto value = document.find(field);
    const std::string old(token(*value));
    return {document.placeOf(*value), old.size(), old.starts_with('"') ? old : '"' + old + '"'};
}

Replacement amountByValue(PayloadDocument& document, const Field& field, Decimal amount) {
    auto value = document.find(field);
    return {document.placeOf(*value), token(*value).size(), amount.text()};
}

/// The payload with what is read of it as it is read.
std::string meaningOf(const PayloadFormat& format, std::string_view json) {
    const Payload payload = readPayload(format, json);
    PayloadDocument document(json);
    std::array replacements{accountByName(document, format.account),
                            amountByValue(document, format.amount, payload.amount)};
    std::sort(replacements.begin(), replacements.end(), [](const auto& a, const auto& b) { return a.begin > b.begin; });
    std::string text(json);
    for (const Replacement& each : replacements) // from behind, so that places stay what they are
        text.replace(each.begin, each.length, each.text);
    return withNumbersByValue(text);
}

} // namespace

std::string withNumbersByValue(std::string_view json) {
    std::string text;
    text.reserve(json.size());
    for (size_t i = 0; i < json.size();) {
        if (json[i] == '"') {
            const std::string_view string = stringAt(json, i);
            text += string;
            i += string.size();
        } else if (partOfNumber(json[i])) {
            size_t end = i;
            while (end < json.size() && partOfNumber(json[end]))
                ++end;
            text += shortest(json.substr(i, end - i));
            i = end;
        } else {
            text += json[i++];
        }
    }
    return text;
}

bool samePayload(const PayloadFormat& format, std::string_view first, std::string_view second) {
    try {
        return meaningOf(format, first) == meaningOf(format, second);
    } catch (const Error&) { // the format is another one since
        return false;
    }
}

} // namespace standin::core
