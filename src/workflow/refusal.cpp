#include "workflow/refusal.h"

#include "workflow/retry.h"

namespace standin::workflow {

std::optional<Error> refuseStep(const std::string& kind, const std::string& name, const StepContext& context) {
    if (context.atomic)
        return Error(
            "2D000", kind + " \"" + name + "\" cannot commit here",
            "It was called inside a function, a block with EXCEPTION, EXECUTE, or a procedure with SECURITY DEFINER "
            "or SET. The workflow fails, even if this error is caught.",
            "Call steps in the workflow's procedure itself, outside blocks with EXCEPTION; the handler of a step "
            "is a savepoint by itself, and may have such blocks inside.");
    if (context.written)
        return Error(
            "25001", "workflow has written between steps, before " + kind + " \"" + name + "\"",
            "A write (or row lock) outside a step is not recorded and would be repeated each time the workflow is "
            "resumed.",
            "Move it into the handler of a step.");
    return std::nullopt;
}

Error refuseCommit() {
    return Error("2D000", "procedure of a workflow cannot commit what it has written itself",
                 "A write outside a step is not recorded and would be repeated each time the workflow is resumed.",
                 "Move it into the handler of a step, which commits it.");
}

Verdict judge(const std::string& sqlstate) { return isTransient(sqlstate) ? Verdict::Resume : Verdict::Failed; }

} // namespace standin::workflow
