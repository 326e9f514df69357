#pragma once

#include <optional>
#include <string>
#include <vector>

#include "standin/mode_lock_pg.h"
#include "standin/outcome_pg.h"

namespace standin::core {

/// A transaction that this process has taken to send or to ask about. The lock says so to everybody else.
struct Claim {
    Sending sending;
    SenderLock lock;
};

struct Claimed {
    std::vector<Claim> claims;
    bool more = false;                     ///< the scan stopped at its bound: look again at once
    std::optional<int64_t> nextDueSeconds; ///< until the first retry that waits for its time
    bool othersInFlight = false;           ///< sent by sessions whose death nobody announces
};

/// Takes up to `limit` heads of accounts: the oldest queued transaction of each, whose mode lets it be sent and whose
/// time has come. Postings are written as in flight; the caller must commit before it sends. `busy` are tickets already
/// held.
Claimed claimHeads(const CoreConfig& config, bool inquires, int limit, const std::vector<int64_t>& busy);

/// Transactions in flight whose sender died become unknown.
void adoptOrphans(const CoreConfig& config, const std::vector<int64_t>& busy, bool& othersInFlight);

} // namespace standin::core
