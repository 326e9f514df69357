#include "cdc/value/json.h"

#include "base/error.h"

namespace standin::cdc {

void throwMalformed(simdjson::error_code error) {
    throw Error("22P02", std::string("malformed JSON: ") + simdjson::error_message(error));
}

simdjson::padded_string_view padded(std::string_view text, Arena& arena) {
    char* copy = arena.allocate(text.size() + simdjson::SIMDJSON_PADDING, 1);
    if (!text.empty())
        std::memcpy(copy, text.data(), text.size());
    std::memset(copy + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    return simdjson::padded_string_view(copy, text.size(), text.size() + simdjson::SIMDJSON_PADDING);
}

std::string_view rawObject(simdjson::ondemand::value& value) {
    simdjson::ondemand::object whole;
    std::string_view text;
    check(value.get_object().get(whole));
    check(whole.raw_json().get(text));
    return text;
}

std::string_view unquoted(std::string_view token) {
    return token.size() >= 2 && token.front() == '"' && token.back() == '"' ? token.substr(1, token.size() - 2)
                                                                            : std::string_view();
}

std::string_view rawString(simdjson::ondemand::value& value) { return unquoted(rawToken(value)); }

std::string_view rawKey(simdjson::ondemand::field& field) {
    const char* raw = field.key().raw();
    return {raw, rawLength(raw)};
}

std::string_view rawToken(simdjson::ondemand::value& value) { return trim(value.raw_json_token()); }

size_t rawLength(const char* raw) {
    const char* at = raw;
    while (*at != '"')
        at += *at == '\\' ? 2 : 1;
    return static_cast<size_t>(at - raw);
}

} // namespace standin::cdc
