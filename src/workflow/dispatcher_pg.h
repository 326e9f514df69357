#pragma once

#include "kernel/worker.h"

namespace standin::workflow {

/// At the commit of this transaction: the dispatcher looks what has become due, or the supervisor starts it.
void wakeDispatcherAtCommit();

void dispatcherMain(kernel::Worker& worker);

} // namespace standin::workflow
