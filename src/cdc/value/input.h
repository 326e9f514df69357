#pragma once

#include "cdc/value/value.h"

namespace standin::cdc {

/// One value on its way to a column; shared by the parts of ValueDecoder.
struct ValueDecoder::Input {
    simdjson::ondemand::value json;
    simdjson::ondemand::json_type type;
    const TargetColumn& column;
    const FieldSchema* schema;

    Semantic semantic() const { return schema ? schema->semantic : Semantic::None; }
    WireType wire() const { return schema ? schema->wire : WireType::Unknown; }
    bool is(simdjson::ondemand::json_type wanted) const { return type == wanted; }
    [[noreturn]] void fail(const char* sqlstate, const std::string& what) const {
        throw ValueError(sqlstate, column.name, what);
    }
};

/// A token without the blanks that simdjson leaves after it.
inline std::string_view trimmedToken(std::string_view token) {
    while (!token.empty() &&
           (token.back() == ' ' || token.back() == '\n' || token.back() == '\t' || token.back() == '\r'))
        token.remove_suffix(1);
    return token;
}

} // namespace standin::cdc
