#pragma once

#include "standin/accept_pg.h"

namespace standin::core {

/// Commits the intent, posts it through the connector while the core answers, commits the outcome. Needs a procedure
/// call outside any transaction block; ends transactions.
Acceptance execute(const Submission& submission);

/// Waits without a snapshot until the ticket's transaction no longer moves by itself, or the time is over.
Acceptance wait(int64_t ticket, int64_t timeoutMicroseconds);

} // namespace standin::core
