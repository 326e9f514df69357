#pragma once

#include <optional>
#include <string>

#include "base/error.h"
#include "cdc/value/connect_schema.h"

namespace standin::cdc {

/// Why a field can be no column.
class NoColumn : public Error {
public:
    using Error::Error;
};

/// The SQL type of a column that takes every value of the field. Throws NoColumn (0A000) if the schema does not
/// say enough. Built from known names and numbers only: nothing of an event's text gets into a statement.
std::string columnTypeOf(const FieldSchema& field);

/// What limits the values of an existing column; only types whose limits can be raised without rewriting the table.
struct ColumnLimit {
    enum class Kind : uint8_t { Varchar, Numeric };

    Kind kind;
    int32_t length; ///< of varchar; the precision of numeric
    int32_t scale;  ///< of numeric
};

/// The type that the column must get to take every value of the field; nothing if it does already, if the schema does
/// not say, or if a rewrite would be needed.
std::optional<std::string> widenedTypeOf(const FieldSchema& field, const ColumnLimit& limit);

/// A field's name may become a column's: throws NoColumn (42622, 42602, 42701) if PostgreSQL would cut or refuse it.
void checkColumnName(const std::string& name);

} // namespace standin::cdc
