#pragma once

#include <string>

#include "workflow/execution_pg.h"
#include "workflow/handler_pg.h"

namespace standin::workflow {

struct StepCall {
    std::string name;
    std::string handler;
    JsonbDatum input;
    int retries;
    MemoryContext results; ///< where the output is to live; it survives the commit
};

/// Runs a step of `execution`, or returns the output that is recorded. Commits: the caller's context must not be
/// atomic.
JsonbDatum runStep(Execution& execution, const StepCall& call);

int64_t hashInput(JsonbDatum input);

} // namespace standin::workflow
