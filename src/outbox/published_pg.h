#pragma once

#include <cstdint>
#include <string>

#include "kernel/commit_order.h"

namespace standin::outbox {

/// The order in which transactions that published commit.
inline constexpr kernel::CommitStream commitOrder("outbox_order", 1);

/// Where an event of this transaction goes.
struct Place {
    int64_t batch; ///< the transaction's
    int64_t n;
};

/// Notes an event of this transaction: savepoints that are rolled back take theirs with them. Throws Error 0A000 if the
/// transaction has published by way of another relay, 54000 if it publishes too much.
Place notePublished(const std::string& relay, int64_t bytes);

/// Commit and prepare hooks.
void initPublished();

} // namespace standin::outbox
