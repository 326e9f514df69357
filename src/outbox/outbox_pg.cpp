#include "outbox/outbox.h"

#include "kernel/worker.h"
#include "outbox/published_pg.h"
#include "outbox/relay_pg.h"

namespace standin::outbox {

void init() {
    initPublished();
    kernel::registerWorkerKind("relay", kernel::Channel::outbox, kernel::Rank::relay, relayMain);
}

} // namespace standin::outbox
