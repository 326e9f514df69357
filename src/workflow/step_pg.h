#pragma once

#include <string>

#include "workflow/execution_pg.h"
#include "workflow/handler_pg.h"
#include "workflow/retry.h"

namespace standin::workflow {

struct StepCall {
    std::string name;
    std::string handler;
    JsonbDatum input;
    RetryPolicy policy;
    std::chrono::milliseconds timeout;       ///< of an attempt; zero is none
    bool returnsError;                       ///< what fails for good is recorded, and the workflow goes on
    std::optional<std::string> compensation; ///< the handler that undoes it
    MemoryContext results;                   ///< where the output is to live; it survives the commit
};

/// What every call does first that ends with a commit. Throws if it must not run here, now.
Execution& enterStep(FunctionCallInfo fcinfo, const char* kind, const std::string& name, size_t nameMaximum = 200);

/// The recorded output, if the workflow has passed this step before. Throws, and blocks the workflow, if it has passed
/// another one here.
std::optional<JsonbDatum> recordedOutput(Execution& execution, const StepIdentity& asked, MemoryContext results);

/// Writes a step into the log; nothing is committed. Under the token: where the workflow was cancelled, paused, or
/// given to another executor, it throws NotHeld, and the caller, once it has undone what it did, calls obey().
struct NotHeld {};
void recordStep(const Execution& execution, const StepIdentity& step, JsonbDatum output, int64_t startedAt);

/// Returns how often the step has failed by now, this time included.
int recordFailure(const std::string& id, int32_t seq, const std::string& name, const ErrorText& error);

/// Runs a step of `execution`, or returns the output that is recorded. Commits: the caller's context must not be
/// atomic.
JsonbDatum runStep(Execution& execution, const StepCall& call);

/// The number of the next step. Blocks the workflow beyond its limit.
int32_t nextStep(Execution& execution);

int64_t hashInput(JsonbDatum input);

} // namespace standin::workflow
