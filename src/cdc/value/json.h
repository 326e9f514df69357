#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "base/arena.h"

namespace standin::cdc {

// What reading a record with simdjson's on-demand parser needs beside simdjson.

[[noreturn]] void throwMalformed(simdjson::error_code error);

inline void check(simdjson::error_code error) {
    if (error != simdjson::SUCCESS)
        throwMalformed(error);
}

/// Without JSON's white space around it.
inline std::string_view trim(std::string_view text) {
    const auto isSpace = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
    while (!text.empty() && isSpace(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back()))
        text.remove_suffix(1);
    return text;
}

/// The same bytes with what simdjson needs after them.
simdjson::padded_string_view padded(std::string_view text, Arena& arena);

/// The text of an object, which is consumed.
std::string_view rawObject(simdjson::ondemand::value& value);

/// The characters between the quotes of a string's token, escapes and all; empty for what is no string.
std::string_view unquoted(std::string_view token);
std::string_view rawString(simdjson::ondemand::value& value);

/// Of a field of a document: its key, escapes and all, and its value as it stands there.
std::string_view rawKey(simdjson::ondemand::field& field);
std::string_view rawToken(simdjson::ondemand::value& value);

/// Length of a raw key; the parser has made sure that it is closed.
size_t rawLength(const char* raw);

/// Whether a raw key is exactly `name`; the document's padding makes the look ahead safe.
template <size_t N> bool keyIs(const char* raw, const char (&name)[N]) {
    return std::memcmp(raw, name, N - 1) == 0 && raw[N - 1] == '"';
}

inline bool keyIs(const char* raw, const std::string& name) {
    return std::strncmp(raw, name.c_str(), name.size()) == 0 && raw[name.size()] == '"';
}

} // namespace standin::cdc
