#pragma once

#include "kernel/worker.h"

namespace standin::outbox {

/// The worker of a relay: its process ends when its producer dies or its configuration changes, and the next one reads
/// the mark.
void relayMain(kernel::Worker& worker);

} // namespace standin::outbox
