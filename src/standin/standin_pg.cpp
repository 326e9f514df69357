#include "standin/standin.h"

#include "kernel/worker.h"
#include "standin/connector/connection_slot_pg.h"
#include "standin/mode/mode_lock_pg.h"
#include "standin/reconcile/confirm_pg.h"
#include "standin/replay/replay_pg.h"

namespace standin::core {

void init() {
    initModeLock();
    initConfirmation();
    initConnectionSlots();
    kernel::registerWorkerKind("prober", kernel::Channel::prober, kernel::Rank::prober, proberMain);
    kernel::registerWorkerKind("replay", kernel::Channel::replay, kernel::Rank::replay, replayMain);
}

} // namespace standin::core
