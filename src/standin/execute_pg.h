#pragma once

#include "standin/accept/accept_pg.h"

namespace standin::core {

/// Commits the intent, posts it through the connector while the core answers, commits the outcome. Needs a procedure
/// call outside any transaction block; ends transactions.
Acceptance execute(Submission& submission);

/// Waits without a snapshot until the ticket's transaction no longer moves by itself, or the time is over.
/// Throws Error 42704 for a ticket that the caller may not ask about, as for one that does not exist.
Acceptance wait(int64_t ticket, Oid caller, int64_t timeoutMicroseconds);

} // namespace standin::core
