#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pg/guard.h"
#include "standin/accept/accept_config_pg.h"
#include "standin/accept/amount.h"

extern "C" {
#include <storage/itemptr.h>
}

namespace standin::core {

/// What stand-in keeps of an account: its lock, holds, and what limits have counted.
struct AccountRow {
    ItemPointerData row{};
    Decimal held;
    std::optional<int64_t> episode;
    Decimal episodeTotal;
    std::string businessDay; // never goes back: what counted for a day counts on when the time zone or the clock does
    Decimal dayTotal;        // as of businessDay
    int64_t episodeCount = 0;
    int64_t dayCount = 0;
    std::vector<int64_t> recent; // when the last ones were accepted, where a rule asks
};

/// Locked until the end of the transaction.
AccountRow lockOrCreateAccount(const std::string& core, const std::string& account);

/// As it is, without a lock; empty if stand-in never met the account.
AccountRow peekAccount(const std::string& core, const std::string& account);

/// What a debit that was accepted takes of its account: the hold, and of the limits if stand-in decided.
void charge(const AccountRow& account, const AcceptConfig& config, const std::string& amount, bool promised,
            const std::string& today, int64_t now);

} // namespace standin::core
