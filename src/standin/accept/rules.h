#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "standin/accept/amount.h"
#include "standin/mode/mode.h"

namespace standin::core {

/// ISO 8583 answer codes.
namespace answer_code {
inline constexpr const char* approved = "00";
inline constexpr const char* amountInvalid = "13";
inline constexpr const char* noSuchAccount = "14";
inline constexpr const char* insufficientFunds = "51";
inline constexpr const char* notPermitted = "57";
inline constexpr const char* overLimit = "61";
inline constexpr const char* restricted = "62";
inline constexpr const char* tooOften = "65";
inline constexpr const char* cutOff = "90";
inline constexpr const char* coreUnavailable = "91";
} // namespace answer_code

/// In the order of judgement: edits, then what is known of the account, then limits.
enum class RuleKind {
    allowedOperation,
    blockList,
    allowList,
    accountStatus,
    cutoffWindow,
    perTransactionMinimum,
    perTransactionLimit,
    episodeAge,
    floor,
    staleness,
    availableBalance,
    optInOverdraft,
    velocityCount,
    cumulativeLimit
};
enum class RuleMode { enforce, monitor, off };

/// From a minute of the day to another, the second not included; over midnight if it is the smaller one.
struct Hours {
    int from = 0;
    int to = 0;
};

struct Rule {
    RuleKind kind;
    RuleMode mode = RuleMode::enforce;
    std::optional<Decimal> amount; ///< the limit; for available_balance an arranged overdraft
    std::string window;            ///< of a limit: "episode", "business_day" or a time; of episode_age: the age
    int64_t windowMicroseconds = 0;
    int64_t count = 0;      ///< velocity_count: so many
    int64_t maximumAge = 0; ///< staleness: microseconds
    Hours hours;
    std::vector<std::string> statuses; ///< account_status: those that are well
    std::string code;                  ///< of its decline; empty: the kind's own
    int64_t effectiveFrom = INT64_MIN; ///< microseconds since 2000
    int64_t effectiveTo = INT64_MAX;
    bool ofAccount = false;   ///< of one account; stands before one of all
    bool ofOperation = false; ///< of one operation; stands before one of all
};

RuleKind ruleKindByName(const std::string& rule);
RuleMode ruleModeByName(const std::string& name);
Hours hoursByName(const std::string& text); ///< "08:00-17:30"
std::vector<std::string> statusesByName(const std::string& text);

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
    int64_t episodeCount = 0; ///< as the totals
    int64_t dayCount = 0;
    std::vector<int64_t> recent{}; ///< when the last ones were accepted
    int64_t now = 0;               ///< microseconds since 2000
    int minuteOfDay = 0;           ///< at the core
    std::optional<int64_t> episodeSince{};
    std::optional<int64_t> balanceAsOf{};
    std::optional<std::string> status{};
    std::optional<bool> overdraftAgreed{};
    bool blocked = false;
    bool onAllowList = false;
};

struct Verdict {
    std::string rule;
    std::string code; ///< "00" if the rule is content
    RuleMode mode;
    std::string detail;
    const char* message = nullptr; ///< what a decline by it is called; null: as every one with this code
    bool decides = false;          ///< the decline is its
};

struct Decision {
    bool accepted = true;
    std::string code = answer_code::approved;
    std::string message = "processing";
    std::vector<Verdict> verdicts;

    std::string verdictsJson() const;
};

const char* name(RuleKind kind);
const char* name(RuleMode mode);

/// One rule's verdict; `belowFloor`: a floor says that funds are not asked for.
Verdict judge(const Rule& rule, const Question& question, bool belowFloor);

/// Of each rule the most specific one that is in force.
std::vector<const Rule*> inForce(const std::vector<Rule>& rules, int64_t now);

/// Stand-in's decision: edits first, limits last; every rule gives its verdict, the first enforced objection decides.
Decision decide(const std::vector<Rule>& rules, const Question& question);

} // namespace standin::core
