#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.h"

namespace standin::pg {

struct Timestamptz {
    int64_t microseconds; ///< since 2000-01-01 UTC, as PostgreSQL's TimestampTz
};
struct Bytea {
    std::string_view bytes;
};
struct Jsonb {
    std::string_view text;
};
struct Typed {
    Oid type;
    Datum value;
    bool null = false;
};
/// As the type's input function reads it.
struct Written {
    Oid type;
    std::string_view text;
};
/// For OwnTable::update: a number that is added to the column's own.
struct Added {
    std::string_view number;
};

/// One value on its way to a statement or a table; turned into a Datum inside the guard.
struct Parameter {
    enum class Form { Value, Text, Bytea, Jsonb, Written, Added, TextArray, Int8Array };

    Oid type;
    Form form = Form::Value;
    bool null = false;
    Datum value = 0;
    std::string_view text{};
    const void* array = nullptr;
};

inline Parameter parameter(const Parameter& value) { return value; }
Parameter parameter(bool value);
Parameter parameter(int16_t value);
Parameter parameter(int32_t value);
Parameter parameter(int64_t value);
Parameter parameter(Oid value);
Parameter parameter(double value);
Parameter parameter(std::string_view value);
inline Parameter parameter(const char* value) { return parameter(std::string_view(value)); }
inline Parameter parameter(const std::string& value) { return parameter(std::string_view(value)); }
Parameter parameter(Timestamptz value);
Parameter parameter(Bytea value);
Parameter parameter(Jsonb value);
Parameter parameter(Typed value);
Parameter parameter(Written value);
Parameter parameter(Added value);
Parameter parameter(const std::vector<std::string>& value);
Parameter parameter(const std::vector<int64_t>& value);
template <class T> Parameter parameter(const std::optional<T>& value) {
    if (value)
        return parameter(*value);
    Parameter null = parameter(T{});
    null.null = true;
    return null;
}

/// Inside the guard only; allocates in the current memory context. A null has no datum.
Datum toDatum(const Parameter& parameter);

} // namespace standin::pg
