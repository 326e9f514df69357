#pragma once

#include <chrono>
#include <string>

#include "workflow/call_pg.h"
#include "workflow/execution_pg.h"

extern "C" {
#include <utils/palloc.h>
}

namespace standin::workflow {

/// The handler of a step by its name, that this role may call. Throws standin::Error if there is none.
Oid findHandler(const std::string& name);

/// Runs a handler for `execution`, inside a subtransaction. Nothing of the session that it changes outlives it, since
/// nothing would after a crash: its settings, its role and its temporary tables end here, the rest by forgetSession().
/// `timeout`: zero is none. The output is in `results`.
JsonbDatum runHandler(Execution& execution, Oid handler, JsonbDatum input, std::chrono::milliseconds timeout,
                      MemoryContext results);

/// How long an attempt may take: what the step says, or the role's statement_timeout if that is shorter; zero is no
/// limit.
std::chrono::milliseconds attemptLimit(std::chrono::milliseconds timeout);

/// After the commit of a handler's effect, or after it was undone: prepared statements, LISTEN, advisory locks of the
/// session, what sequences gave last. A cursor WITH HOLD stays.
void forgetSession();

} // namespace standin::workflow
