#pragma once

#include <string>

#include "pg/guard.h"

namespace standin::workflow {

struct JsonbDatum {
    Datum value = 0;
    bool null = true;
};

/// Finds the handler of a step, a function(jsonb) returning jsonb, with the rights and the search_path of the current
/// user. `name` is a function's name, or its signature as regprocedure prints it.
Oid findHandler(const std::string& name);

/// Calls it as the current user. The result lives in `results` and points to nothing outside it.
JsonbDatum callHandler(Oid handler, JsonbDatum input, MemoryContext results);

} // namespace standin::workflow
