#pragma once

#include <string>

#include "workflow/handler_pg.h"

namespace standin::workflow {

struct ProcedureCall {
    std::string procedure; ///< qualified and quoted
    bool returnsOutput;
    JsonbDatum input;      ///< lives in `context`
    MemoryContext context; ///< survives the procedure's commits; the output is allocated there
};

/// CALLs a procedure as the current user in a top-level portal, the only place from which it can commit (SPI cannot run
/// it non-atomically without an outer portal). The transaction that is open on return may be another than on entry. No
/// snapshot may be active.
JsonbDatum callProcedure(const ProcedureCall& call);

} // namespace standin::workflow
