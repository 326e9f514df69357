#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/paced.h"
#include "standin/outcome/outcome_pg.h"
#include "standin/outcome/sender_lock_pg.h"

namespace standin::core {

/// A transaction that this process has taken to send or to ask about. The lock says so to everybody else.
struct Claim {
    Sending sending;
    SenderLock lock;
    bool again; ///< it was sent before
};

struct Claimed {
    std::vector<Claim> claims;
    bool more = false; ///< a scan stopped at its bound: look again at once
    /// Until there may be something to do of which nobody tells: a retry whose time comes, a look that was put off, a
    /// session with a transaction in flight whose death nobody announces.
    std::optional<std::chrono::milliseconds> lookAgain;

    void lookAgainIn(std::chrono::milliseconds time) { lookAgain = lookAgain ? std::min(*lookAgain, time) : time; }
};

/// How many calls may be taken, and how many of them for transactions that were sent before: however many accounts
/// have trouble, the others keep half of the connections.
struct Room {
    int all = 0;
    int again = 0;
};

/// The work of one core, by the heads of its accounts. Each look is a bounded scan of an index, whatever the number of
/// transactions queued.
class Queue {
public:
    /// Takes heads of accounts whose mode lets them be sent and whose time has come. Postings are written as in flight;
    /// the caller must commit before it sends. `busy` are tickets already held.
    Claimed claim(const CoreConfig& config, bool inquires, Room room, const std::vector<int64_t>& busy);

    /// Transactions in flight whose sender died become unknown.
    void adoptOrphans(const CoreConfig& config, const std::vector<int64_t>& busy, Claimed& claimed);

private:
    struct Head;
    struct Capability;
    struct Round {
        int64_t after = 0; ///< tickets up to here had their turn
        Paced fromStart{10};
    };

    std::vector<Head> newHeads(const CoreConfig& config, const Capability& capability, int limit, Claimed& claimed);
    void find(const CoreConfig& config, const Capability& capability, Room& room, const std::vector<int64_t>& busy,
              Claimed& claimed, std::vector<Head>& found);

    std::map<std::string, Round> rounds_; ///< by capability
    Paced orphans_{10};
    bool othersInFlight_ = false;
    unsigned turn_ = 0;
};

} // namespace standin::core
