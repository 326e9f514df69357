#pragma once

#include <optional>
#include <string>

#include "cdc/value/change.h"
#include "pg/guard.h"

namespace standin::cdc {

/// How a cell becomes a Datum of one column.
struct ColumnConversion {
    AttrNumber attribute;
    Oid type;
    Oid baseType; ///< of a domain, else the type itself
    int32_t typmod;
    int16_t length;
    bool byValue;
    ColumnType kind;
    const char* name;
    const char* typeName;
    FmgrInfo input;
    Oid inputParameter;
    void* domainState;
    ColumnConversion* element; ///< of an array
    char elementAlignment;
};

/// How the engine sees a column of a table, and how its cells become Datums; `context` lives as long as the result.
ColumnConversion conversionOf(Form_pg_attribute attribute, MemoryContext context);
TargetColumn targetColumnOf(Form_pg_attribute attribute, const ColumnConversion& column);

/// Whether equal keys of this column always decode to equal cells.
bool isComparableKey(const ColumnConversion& column, Oid collation);

/// The Datum of a given cell, in the current memory context. PostgreSQL code: call inside a guard. The cell is neither
/// absent nor unavailable.
Datum cellToDatum(ColumnConversion& column, const Cell& cell, bool* isNull);

/// The cell's value as text, for keys that other rooms compare; nothing if it has none. Runs the type's output
/// function: see TargetTable::textOf.
std::optional<std::string> cellToText(ColumnConversion& column, const Cell& cell);

} // namespace standin::cdc
