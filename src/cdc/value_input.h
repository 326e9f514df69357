#pragma once

#include "cdc/value.h"

namespace standin::cdc {

/// One value on its way to a column; shared by the parts of ValueDecoder.
struct ValueDecoder::Input {
    simdjson::ondemand::value json;
    simdjson::ondemand::json_type type;
    const TargetColumn& column;
    const FieldSchema* schema;

    Semantic semantic() const { return schema ? schema->semantic : Semantic::None; }
    [[noreturn]] void fail(const char* sqlstate, const char* what) const {
        throw ValueError(sqlstate, column.name, what);
    }
};

} // namespace standin::cdc
