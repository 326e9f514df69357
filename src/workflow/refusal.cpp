#include "workflow/refusal.h"

#include <algorithm>

namespace standin::workflow {

namespace {

/// Serialization failure, deadlock, "statement completion unknown": the transaction was the victim, not the culprit.
bool isTransactionRollback(const std::string& sqlstate) { return sqlstate.starts_with("40"); }

constexpr const char* queryCanceled = "57014";
constexpr int rollbackRetries = 5;

} // namespace

std::optional<Error> refuseStep(const std::string& step, const StepContext& context) {
    if (context.atomic)
        return Error(
            "2D000", "step \"" + step + "\" cannot commit here",
            "It was called inside a function, a block with EXCEPTION, EXECUTE, or a procedure with SECURITY DEFINER "
            "or SET. The workflow fails, even if this error is caught.",
            "Call steps in the workflow's procedure itself, outside blocks with EXCEPTION; the handler of a step "
            "is a savepoint by itself, and may have such blocks inside.");
    if (context.written)
        return Error(
            "25001", "workflow has written between steps, before step \"" + step + "\"",
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

Verdict judge(const std::string& sqlstate) {
    return isTransactionRollback(sqlstate) ? Verdict::Resume : Verdict::Failed;
}

bool retryStep(const std::string& sqlstate, int attempt, int retries) {
    if (sqlstate == queryCanceled)
        return false;
    return attempt <= (isTransactionRollback(sqlstate) ? std::max(retries, rollbackRetries) : retries);
}

} // namespace standin::workflow
