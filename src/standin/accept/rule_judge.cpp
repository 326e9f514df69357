#include <algorithm>

#include "base/error.h"
#include "standin/accept/rules.h"

namespace standin::core {

namespace {

constexpr const char* balanceUnknown = "balance unknown";

std::string label(const Rule& rule) {
    return rule.window.empty() ? name(rule.kind) : std::string(name(rule.kind)) + ' ' + rule.window;
}

Verdict content(const Rule& rule, std::string detail) {
    return {label(rule), answer_code::approved, rule.mode, std::move(detail)};
}

/// The rule's own objection, which may have another code by declaration.
Verdict objection(const Rule& rule, const char* code, std::string detail) {
    return {label(rule), rule.code.empty() ? code : rule.code, rule.mode, std::move(detail)};
}

/// What is not known is no yes.
Verdict unknown(const Rule& rule, std::string detail, const char* message) {
    return {label(rule), answer_code::coreUnavailable, rule.mode, std::move(detail), message};
}

Verdict limit(const Rule& rule, Decimal value) {
    const Decimal most = rule.amount.value_or(Decimal());
    return value > most ? objection(rule, answer_code::overLimit, value.text() + " is over " + most.text())
                        : content(rule, value.text() + " of " + most.text());
}

Verdict minimum(const Rule& rule, Decimal value) {
    const Decimal least = rule.amount.value_or(Decimal());
    return value < least ? objection(rule, answer_code::amountInvalid, value.text() + " is below " + least.text())
                         : content(rule, {});
}

/// Why nothing can be said about the account's funds, if so.
std::optional<Verdict> withoutBalance(const Rule& rule, const Question& question) {
    if (!question.balanceKnown)
        return unknown(rule, "no balance table is bound to the core", balanceUnknown);
    if (!question.accountKnown)
        return Verdict{label(rule), answer_code::noSuchAccount, rule.mode, "the account has no replicated balance"};
    if (!question.balanceProblem.empty())
        return unknown(rule, question.balanceProblem, balanceUnknown);
    return std::nullopt;
}

/// Up to the floor it is enough that the account exists, which must be known.
std::optional<Verdict> upToFloor(const Rule& rule, const Question& question, bool belowFloor) {
    if (!belowFloor)
        return std::nullopt;
    if (question.balanceKnown && question.accountKnown)
        return content(rule, "below the floor");
    return withoutBalance(rule, question);
}

Verdict availableBalance(const Rule& rule, const Question& question, bool belowFloor) {
    if (auto verdict = upToFloor(rule, question, belowFloor))
        return *verdict;
    if (auto verdict = withoutBalance(rule, question))
        return *verdict;
    const Decimal available = question.balance - question.held + rule.amount.value_or(Decimal());
    return question.amount > available ? objection(rule, answer_code::insufficientFunds,
                                                   question.amount.text() + " is over available " + available.text())
                                       : content(rule, question.amount.text() + " of available " + available.text());
}

Verdict optInOverdraft(const Rule& rule, const Question& question, bool belowFloor) {
    if (question.overdraftAgreed == true)
        return content(rule, "the customer agreed to be overdrawn");
    if (auto verdict = upToFloor(rule, question, belowFloor))
        return *verdict;
    if (auto verdict = withoutBalance(rule, question))
        return *verdict;
    const Decimal own = question.balance - question.held;
    return question.amount > own
               ? objection(rule, answer_code::insufficientFunds,
                           question.overdraftAgreed ? "the customer did not agree to be overdrawn"
                                                    : "it is not known that the customer agreed to be overdrawn")
               : content(rule, {});
}

Verdict staleness(const Rule& rule, const Question& question, bool belowFloor) {
    if (auto verdict = upToFloor(rule, question, belowFloor))
        return *verdict;
    if (!question.balanceAsOf)
        return unknown(rule, "it is not known how old the account's balance is", balanceUnknown);
    constexpr int64_t second = 1000000;
    const int64_t age = question.now - *question.balanceAsOf;
    const std::string detail = "the balance is " + std::to_string(age / second) + " s old";
    return age > rule.maximumAge
               ? Verdict{label(rule), rule.code.empty() ? answer_code::coreUnavailable : rule.code, rule.mode,
                         detail + ", more than " + std::to_string(rule.maximumAge / second) + " s", "balance too old"}
               : content(rule, detail);
}

Verdict accountStatus(const Rule& rule, const Question& question) {
    if (question.balanceKnown && !question.accountKnown && !question.status)
        return {label(rule), answer_code::noSuchAccount, rule.mode, "the account has no replicated balance"};
    if (!question.status)
        return unknown(rule, "the account's status is not known", "account status unknown");
    const bool well = std::find(rule.statuses.begin(), rule.statuses.end(), *question.status) != rule.statuses.end();
    return well ? content(rule, {}) : objection(rule, answer_code::restricted, "the account is " + *question.status);
}

Verdict cutoffWindow(const Rule& rule, const Question& question) {
    const auto [from, to] = rule.hours;
    const int minute = question.minuteOfDay;
    const bool open = from <= to ? minute >= from && minute < to : minute >= from || minute < to;
    return open ? content(rule, {}) : objection(rule, answer_code::cutOff, "it is not the time for it");
}

Verdict episodeAge(const Rule& rule, const Question& question) {
    if (!question.episodeSince || question.now - *question.episodeSince < rule.windowMicroseconds)
        return content(rule, "the episode is younger");
    return rule.amount ? limit(rule, question.amount)
                       : objection(rule, answer_code::notPermitted, "the episode is older, and nothing is accepted");
}

Verdict velocity(const Rule& rule, const Question& question) {
    int64_t before = rule.window == "episode" ? question.episodeCount : question.dayCount;
    if (rule.windowMicroseconds > 0)
        before = std::count_if(question.recent.begin(), question.recent.end(),
                               [&](int64_t at) { return at > question.now - rule.windowMicroseconds; });
    const std::string detail = std::to_string(before + 1) + " of " + std::to_string(rule.count);
    return before >= rule.count ? objection(rule, answer_code::tooOften, detail) : content(rule, detail);
}

} // namespace

Verdict judge(const Rule& rule, const Question& question, bool belowFloor) {
    switch (rule.kind) {
    case RuleKind::allowedOperation:
        return question.operationAllowed
                   ? content(rule, {})
                   : objection(rule, answer_code::notPermitted, "the operation is not allowed in stand-in");
    case RuleKind::blockList:
        return question.blocked ? objection(rule, answer_code::restricted, "the account is on the block list")
                                : content(rule, {});
    case RuleKind::allowList:
        return question.onAllowList ? content(rule, {})
                                    : objection(rule, answer_code::restricted, "the account is not on the allow list");
    case RuleKind::accountStatus:
        return accountStatus(rule, question);
    case RuleKind::cutoffWindow:
        return cutoffWindow(rule, question);
    case RuleKind::perTransactionMinimum:
        return minimum(rule, question.amount);
    case RuleKind::perTransactionLimit:
        return limit(rule, question.amount);
    case RuleKind::episodeAge:
        return episodeAge(rule, question);
    case RuleKind::floor:
        return content(rule, question.amount <= rule.amount.value_or(Decimal()) ? "funds are not asked for" : "");
    case RuleKind::staleness:
        return staleness(rule, question, belowFloor);
    case RuleKind::availableBalance:
        return availableBalance(rule, question, belowFloor);
    case RuleKind::optInOverdraft:
        return optInOverdraft(rule, question, belowFloor);
    case RuleKind::velocityCount:
        return velocity(rule, question);
    case RuleKind::cumulativeLimit:
        return limit(rule, (rule.window == "episode" ? question.episodeTotal : question.dayTotal) + question.amount);
    }
    throw Error("XX000", "unknown rule");
}

} // namespace standin::core
