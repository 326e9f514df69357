#pragma once

#include "workflow/execution_pg.h"

namespace standin::workflow {

struct Wait {
    const char* kind;                   ///< workflow_task.waiting
    std::string what{};                 ///< the topic, the event, the other workflow
    std::optional<int64_t> until{};     ///< microseconds since 2000-01-01 UTC; nothing: until what it waits for comes
    std::optional<int32_t> seq{};       ///< the step that began to wait, if `until` is to outlive a wake-up
    std::optional<ErrorText> because{}; ///< what goes wrong
};

/// Takes the workflow from this executor until its wait is over, commits that with what the transaction has written,
/// and throws. The caller's context must not be atomic, so that no block with EXCEPTION can meet what is thrown.
[[noreturn]] void suspend(Execution& execution, const Wait& wait);

/// The same without a procedure to leave: inside a transaction of the executor's own. False if others have the
/// workflow.
bool suspendQuietly(const Execution::Claim& claim, const Wait& wait);

/// Does what somebody has asked for while the workflow ran, which a write under its token has found: cancelled, paused,
/// or no longer this executor's. In a transaction that has written nothing; throws.
[[noreturn]] void obey(Execution& execution);

/// Commits what a step, or a suspension, has written.
void commit(Execution& execution);

} // namespace standin::workflow
