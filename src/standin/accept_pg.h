#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/spi.h"

namespace standin::core {

struct Submission {
    std::string core;
    std::string operation;
    std::string key;
    Datum payload;            ///< jsonb
    bool wantsToSend = false; ///< the caller will post it himself if that is possible
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
Acceptance accept(const Submission& submission);

} // namespace standin::core
