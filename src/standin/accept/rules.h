#pragma once

#include <optional>
#include <string>
#include <vector>

#include "standin/accept/amount.h"
#include "standin/mode/mode.h"

namespace standin::core {

/// ISO 8583 answer codes.
namespace answer_code {
inline constexpr const char* approved = "00";
inline constexpr const char* noSuchAccount = "14";
inline constexpr const char* insufficientFunds = "51";
inline constexpr const char* notPermitted = "57";
inline constexpr const char* overLimit = "61";
inline constexpr const char* coreUnavailable = "91";
} // namespace answer_code

enum class RuleKind { allowedOperation, perTransactionLimit, availableBalance, cumulativeEpisode, cumulativeDay };
enum class RuleMode { enforce, monitor, off };

struct Rule {
    RuleKind kind;
    RuleMode mode = RuleMode::enforce;
    Decimal amount; ///< the limit; for available_balance an arranged overdraft
};

RuleKind ruleKindByName(const std::string& rule, const std::string& window);
RuleMode ruleModeByName(const std::string& name);

/// What the rules look at. Nothing in here is read by the rules themselves.
struct Question {
    bool operationAllowed = false;
    bool debit = true;
    Decimal amount;
    bool balanceKnown = false; ///< a balance source is bound
    bool accountKnown = false; ///< it has a row for the account
    Decimal balance;
    std::string balanceProblem; ///< why its balance is none that can be counted with; empty if it is one
    Decimal held;
    Decimal episodeTotal; ///< accepted before, same account, same episode
    Decimal dayTotal;     ///< accepted before, same account, same business day
    bool backlogFull = false;
};

struct Verdict {
    std::string rule;
    const char* code; ///< "00" if the rule is content
    RuleMode mode;
    std::string detail;
    const char* message = nullptr; ///< what a decline by it is called; null: as every one with this code
};

struct Decision {
    bool accepted = true;
    const char* code = answer_code::approved;
    std::string message = "processing";
    std::vector<Verdict> verdicts;

    std::string verdictsJson() const;
};

/// Stand-in's decision: edits first, limits last; every rule gives its verdict, the first enforced objection decides.
Decision decide(const std::vector<Rule>& rules, const Question& question);

} // namespace standin::core
