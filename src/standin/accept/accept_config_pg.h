#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "standin/accept/balance_pg.h"
#include "standin/accept/operation_grant_pg.h"
#include "standin/accept/payload.h"
#include "standin/accept/rules.h"
#include "standin/mode/mode.h"

namespace standin::core {

/// What the rules of a core, of all its operations together, need of every decision.
struct RuleNeeds {
    bool ofAccounts = false; ///< some account has rules of its own
    int64_t recentCount = 0; ///< so many of the last times are kept
    int64_t recentMicroseconds = 0;
};

/// What a decision needs to know about core, operation, mode and rules.
struct AcceptConfig {
    std::string capability;
    PayloadFormat format;
    bool debit = true;
    bool standinAllowed = false;
    int32_t modeId = 0;
    Mode mode = Mode::online;
    int64_t epoch = 0;
    std::optional<int64_t> episode;
    int64_t backlogCeiling = 0;
    int64_t backlogSeen = 0;
    std::string timeZone;
    std::optional<BalanceSource> balance;
    std::vector<Rule> rules; ///< of all accounts
    RuleNeeds needs;
    std::optional<int64_t> episodeSince; ///< microseconds since 2000
    std::vector<OperationGrant> grants;  ///< of every operation of the core
};

/// Kept by the session until any of it changes; the reference is good until the next call. Throws Error 42704 for a
/// core or operation that is not defined. A mode that is stale all the same is caught by the epoch at the commit.
const AcceptConfig& acceptConfig(const std::string& core, const std::string& operation);

/// Whether a core has this many transactions queued.
bool backlogFull(const std::string& core, const AcceptConfig& config);

} // namespace standin::core
