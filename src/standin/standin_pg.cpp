#include "standin/standin.h"

#include "kernel/worker.h"
#include "standin/confirm_pg.h"
#include "standin/mode_lock_pg.h"
#include "standin/replay_pg.h"

namespace standin::core {

void init() {
    initModeLock();
    initConfirmation();
    kernel::registerWorkerKind("prober", kernel::Channel::prober, proberMain);
    kernel::registerWorkerKind("replay", kernel::Channel::replay, replayMain);
}

} // namespace standin::core
