#pragma once

#include "kernel/worker.h"

namespace standin::workflow {

/// Worker of kind "executor": runs the in-database workflows of the role it is connected as, one at a time.
void executorMain(kernel::Worker& worker);

} // namespace standin::workflow
