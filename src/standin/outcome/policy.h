#pragma once

#include <chrono>
#include <string_view>

#include "standin/connector/connector.h"
#include "standin/outcome/transaction_state.h"

namespace standin::core {

enum class Dedup { key, inquiry, none };
Dedup dedupByName(std::string_view name);

/// Seconds until attempt `attempts` + 1: doubles to ten minutes. `jitter` is in [0, 1).
std::chrono::milliseconds retryDelay(int attempts, double jitter);

struct Situation {
    Dedup dedup = Dedup::none;
    bool inquires = false; ///< the connector can ask about a key
    int attempts = 0;      ///< spent so far, this one included
    int attemptsMaximum = 10;
    bool promised = true; ///< stand-in decided in the core's place
    bool holdOnReject = true;
    std::chrono::milliseconds sinceSent{};
    std::chrono::milliseconds callTimeout{};
    double jitter = 0;
};

struct Next {
    State state;
    std::chrono::milliseconds delay{};
    bool attemptSpent = true;
};

/// What an answer to a posting makes of a transaction that is in flight.
Next afterPost(const Answer& answer, const Situation& situation);

/// What an answer to an inquiry makes of a transaction that is unknown.
Next afterInquiry(const Answer& answer, const Situation& situation);

enum class UnknownStep { inquire, resend, repair };
/// What can be done about a transaction whose outcome is unknown. Resending blindly is for cores that deduplicate by
/// key.
UnknownStep forUnknown(const Situation& situation);

} // namespace standin::core
