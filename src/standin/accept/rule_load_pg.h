#pragma once

#include <string>
#include <vector>

#include "standin/accept/rules.h"

namespace standin::core {

/// The rules of a core that concern an operation, of all accounts.
std::vector<Rule> rulesOfAll(const std::string& core, const std::string& operation);

/// Those of one account alone.
std::vector<Rule> rulesOfAccount(const std::string& core, const std::string& operation, const std::string& account);

/// What decisions about any operation of a core must keep for the next ones.
struct RuleNeeds {
    bool ofAccounts = false; ///< some account has rules of its own
    int64_t recentCount = 0; ///< so many of the last times
    int64_t recentMicroseconds = 0;
};
RuleNeeds ruleNeeds(const std::string& core);

/// On which lists an account is now: sets blocked and onAllowList.
void readLists(const std::string& core, const std::string& account, Question& question);

} // namespace standin::core
