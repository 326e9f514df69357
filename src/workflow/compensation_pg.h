#pragma once

#include "workflow/execution_pg.h"

namespace standin::workflow {

/// Undoes the recorded steps of a workflow that does not complete, the latest first, each in a commit of its own; then
/// ends it, as its row says. What fails is tried again with a back-off, and then blocks the workflow: half undone is
/// nothing that may be forgotten.
void compensate(kernel::Worker& worker, const Execution::Claim& claim);

} // namespace standin::workflow
