#include "standin/accept/rules.h"

#include <cstring>

#include "base/error.h"

namespace standin::core {

namespace {

const char* name(RuleKind kind) {
    switch (kind) {
    case RuleKind::allowedOperation:
        return "allowed_operation";
    case RuleKind::perTransactionLimit:
        return "per_transaction_limit";
    case RuleKind::availableBalance:
        return "available_balance";
    case RuleKind::cumulativeEpisode:
        return "cumulative_limit episode";
    case RuleKind::cumulativeDay:
        return "cumulative_limit business_day";
    }
    return "";
}

const char* name(RuleMode mode) {
    return mode == RuleMode::enforce ? "enforce" : mode == RuleMode::monitor ? "monitor" : "off";
}

Verdict limit(const Rule& rule, Decimal value) {
    const bool over = value > rule.amount;
    return {name(rule.kind), over ? answer_code::overLimit : answer_code::approved, rule.mode,
            value.text() + (over ? " is over " : " of ") + rule.amount.text()};
}

constexpr const char* balanceUnknown = "balance unknown";

Verdict availableBalance(const Rule& rule, const Question& question) {
    Verdict verdict{name(rule.kind), answer_code::approved, rule.mode, {}};
    if (!question.balanceKnown) {
        // Without a balance nothing can be said about funds; approving would overdraw in silence.
        verdict.code = answer_code::coreUnavailable;
        verdict.detail = "no balance table is bound to the core";
        verdict.message = balanceUnknown;
    } else if (!question.accountKnown) {
        verdict.code = answer_code::noSuchAccount;
        verdict.detail = "the account has no replicated balance";
    } else if (!question.balanceProblem.empty()) {
        verdict.code = answer_code::coreUnavailable;
        verdict.detail = question.balanceProblem;
        verdict.message = balanceUnknown;
    } else {
        const Decimal available = question.balance - question.held + rule.amount;
        const bool short_ = question.amount > available;
        verdict.code = short_ ? answer_code::insufficientFunds : answer_code::approved;
        verdict.detail =
            question.amount.text() + (short_ ? " is over available " : " of available ") + available.text();
    }
    return verdict;
}

Verdict judge(const Rule& rule, const Question& question) {
    switch (rule.kind) {
    case RuleKind::allowedOperation:
        return {name(rule.kind), question.operationAllowed ? answer_code::approved : answer_code::notPermitted,
                rule.mode, question.operationAllowed ? "" : "the operation is not allowed in stand-in"};
    case RuleKind::perTransactionLimit:
        return limit(rule, question.amount);
    case RuleKind::cumulativeEpisode:
        return limit(rule, question.episodeTotal + question.amount);
    case RuleKind::cumulativeDay:
        return limit(rule, question.dayTotal + question.amount);
    case RuleKind::availableBalance:
        return availableBalance(rule, question);
    }
    throw Error("XX000", "unknown rule");
}

bool debitsOnly(RuleKind kind) {
    return kind == RuleKind::availableBalance || kind == RuleKind::cumulativeEpisode || kind == RuleKind::cumulativeDay;
}

std::string messageOf(const char* code) {
    const std::string_view text(code);
    if (text == answer_code::noSuchAccount)
        return "no such account";
    if (text == answer_code::insufficientFunds)
        return "insufficient funds";
    if (text == answer_code::notPermitted)
        return "not permitted in stand-in";
    if (text == answer_code::overLimit)
        return "over the limit";
    return "core unavailable";
}

void appendJson(std::string& json, std::string_view text) {
    json += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\')
            json += '\\';
        json += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    json += '"';
}

} // namespace

RuleKind ruleKindByName(const std::string& rule, const std::string& window) {
    if (rule == "cumulative_limit")
        return window == "episode" ? RuleKind::cumulativeEpisode : RuleKind::cumulativeDay;
    if (rule == "allowed_operation")
        return RuleKind::allowedOperation;
    if (rule == "per_transaction_limit")
        return RuleKind::perTransactionLimit;
    if (rule == "available_balance")
        return RuleKind::availableBalance;
    throw Error("22023", "rule \"" + rule + "\" is not known");
}

RuleMode ruleModeByName(const std::string& text) {
    return text == "enforce" ? RuleMode::enforce : text == "monitor" ? RuleMode::monitor : RuleMode::off;
}

Decision decide(const std::vector<Rule>& rules, const Question& question) {
    Decision decision;
    auto take = [&](Verdict verdict) {
        if (decision.accepted && verdict.mode == RuleMode::enforce &&
            std::strcmp(verdict.code, answer_code::approved) != 0) {
            decision.accepted = false;
            decision.code = verdict.code;
            decision.message = verdict.message ? verdict.message : messageOf(verdict.code);
        }
        decision.verdicts.push_back(std::move(verdict));
    };

    // The kinds are declared in the order of judgement: edits, then limits. What nobody declared about the allowed
    // operation is enforced.
    bool allowedDeclared = false;
    for (const Rule& rule : rules)
        allowedDeclared |= rule.kind == RuleKind::allowedOperation;
    if (!allowedDeclared)
        take(judge({RuleKind::allowedOperation, RuleMode::enforce, {}}, question));
    for (const RuleKind kind : {RuleKind::allowedOperation, RuleKind::perTransactionLimit, RuleKind::availableBalance,
                                RuleKind::cumulativeEpisode, RuleKind::cumulativeDay}) {
        for (const Rule& rule : rules) {
            if (rule.kind != kind || rule.mode == RuleMode::off || (!question.debit && debitsOnly(kind)))
                continue;
            take(judge(rule, question));
        }
    }
    if (question.backlogFull)
        take({"backlog_ceiling", answer_code::coreUnavailable, RuleMode::enforce, "the backlog is full",
              "too many transactions wait for the core"});
    return decision;
}

std::string Decision::verdictsJson() const {
    std::string json = "[";
    for (const Verdict& verdict : verdicts) {
        json += json.size() > 1 ? ",{\"rule\":" : "{\"rule\":";
        appendJson(json, verdict.rule);
        json += ",\"code\":";
        appendJson(json, verdict.code);
        json += ",\"mode\":";
        appendJson(json, name(verdict.mode));
        if (!verdict.detail.empty()) {
            json += ",\"detail\":";
            appendJson(json, verdict.detail);
        }
        json += '}';
    }
    return json + "]";
}

} // namespace standin::core
