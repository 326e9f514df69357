#pragma once

#include <optional>
#include <string>

#include "kafka/options.h"
#include "outbox/mark.h"

namespace standin::outbox {

// What the database keeps of a relay. Each needs a transaction, inside owner scope with SPI connected.

struct RelayConfig {
    std::string relay;
    std::string markTopic;
    kafka::Properties properties;
    int64_t batchRecords = 0;
    int64_t largestEvent = 0;  ///< of the topics
    int64_t smallestLimit = 0; ///< of the topics
    bool paused = false;
    std::string pauseReason;

    bool operator==(const RelayConfig&) const = default;
};

/// Nothing if the relay is gone.
std::optional<RelayConfig> loadRelay(const std::string& relay);

/// What is known here beside the mark; `events` of the mark tells how many were lost.
struct Known {
    Here here;
    int64_t eventsUpToMark = 0; ///< published from here, up to the mark's place
};
Known known(const std::string& relay, const std::optional<Mark>& mark);

/// This process takes the relay up.
std::string claim(const std::string& relay, const kernel::CommitPlace& from);
/// Kafka has a mark of the claim. `recovered`: it learnt from the mark that a transaction was committed.
void claimMarked(const std::string& relay, const std::string& claim, bool recovered);

/// Whether anything waits after `from` and not after `to`. Then nobody discards an event of it until the transaction
/// ends.
bool holdWaiting(const std::string& relay, const kernel::CommitPlace& from, const kernel::CommitPlace& to);
/// From the commit on events up to the place may be in Kafka. False if the relay was paused, or is gone.
bool promise(const std::string& relay, const kernel::CommitPlace& place, int64_t events);
/// They are.
void noteSent(const std::string& relay, const kernel::CommitPlace& place);
void noteAborted(const std::string& relay, const std::string& blockedEvent);
/// Not if the event was discarded.
bool stillBlocked(const std::string& relay);
/// Whether more waits than the relay's options allow.
void noteFullness(const std::string& relay);

/// What is in the way, of which an administrator is to decide: an adoption is of what was found when it was made.
void noteFound(const std::string& relay, const std::string& found);
/// What an administrator wants done about it, if anything. Does it: afterwards all that waits here is to be sent.
/// Returns why it cannot be done, or an empty text.
std::optional<std::string> adopt(const std::string& relay, const std::string& found,
                                 const std::optional<std::string>& mark);
/// Nothing is in the way any more: what was decided and not done is void, and never done later.
void closeAdoptions(const std::string& relay);

} // namespace standin::outbox
