#pragma once

#include <optional>
#include <string>

#include "base/error.h"

namespace standin::workflow {

/// What `step` finds when it is entered.
struct StepContext {
    bool atomic = false;  ///< a function, a block with EXCEPTION, EXECUTE: the step could not commit
    bool written = false; ///< the transaction has already written something that no step would record
};

/// Why a step, or another call that ends with a commit, cannot run here, or nothing if it can. A refusal fails the
/// workflow.
std::optional<Error> refuseStep(const std::string& kind, const std::string& name, const StepContext& context);

/// Why the procedure of a workflow may not commit by itself what it has written.
Error refuseCommit();

/// What becomes of a workflow whose procedure ended with an error.
enum class Verdict {
    Failed, ///< for good
    Resume, ///< the error asks for another try: the recorded steps are kept, the workflow goes on after them
};
Verdict judge(const std::string& sqlstate);

} // namespace standin::workflow
