#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "pg/spi.h"

namespace standin::core {

struct Submission {
    std::string core;
    std::string operation;
    std::string key; ///< the caller's own; when it was accepted, that which the core sees
    Oid caller;      ///< whose grants and whose namespace of keys
    Datum payload;   ///< jsonb
    /// The caller will post it himself if this says that he can. Asked once all else speaks for it, with the account's
    /// row locked: so nobody who waits for an account holds up others, and who waits in here delays his account only.
    std::function<bool()> beginCall{};
    std::string channel{}; ///< the namespace of the key, found when it is accepted
};

struct Acceptance {
    int64_t ticket = 0;
    std::string status;
    std::string code;
    std::string message;
    std::string account;
    std::string payload;
    bool first = true;   ///< false: the key was known, this is the first answer
    bool toSend = false; ///< written as in flight; the caller holds the sender's duty
};

/// Decides about a transaction and writes key, queue row, hold, counters and decision log in the present transaction,
/// which is then flushed at its commit whatever synchronous_commit says. Inside pg::OwnerScope with SPI connected.
Acceptance accept(Submission& submission);

} // namespace standin::core
