#include "kernel/clock.h"
#include "kernel/commit_hook.h"
#include "kernel/crash_point.h"
#include "kernel/instance.h"
#include "kernel/kernel.h"
#include "kernel/log_line.h"
#include "kernel/processes_pg.h"
#include "kernel/registry_pg.h"

namespace standin::kernel {

void init() {
    requestRegistry();
    initClock();
    initCrashPoints();
    initCommitHooks();
    initWake();
    initLogLines();
    initInstance();
    initDatabaseHolds();
    registerLauncher();
}

} // namespace standin::kernel
