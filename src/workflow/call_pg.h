#pragma once

#include <string>

#include "pg/memory.h"
#include "pg/spi.h"

// What the procedures share that a workflow's procedure CALLs.

namespace standin::workflow {

struct JsonbDatum {
    Datum value = 0;
    bool null = true;
};

/// A column of a row that is about to go, in `results`.
JsonbDatum copied(const pg::Row& row, int column, MemoryContext results);

/// Throws standin::Error 22004 if it is null; `what` is the argument's name in that message.
std::string textArgument(FunctionCallInfo fcinfo, int number, const char* what);

/// What a procedure with one INOUT parameter returns.
Datum resultRow(FunctionCallInfo fcinfo, JsonbDatum output);

} // namespace standin::workflow
