#pragma once

#include <string>
#include <vector>

#include "standin/accept/rules.h"

namespace standin::core {

/// The rules of a core that concern an operation, of all accounts.
std::vector<Rule> rulesOfAll(const std::string& core, const std::string& operation);

/// Those of one account alone.
std::vector<Rule> rulesOfAccount(const std::string& core, const std::string& operation, const std::string& account);

/// On which lists an account is now: sets blocked and onAllowList.
void readLists(const std::string& core, const std::string& account, Question& question);

} // namespace standin::core
