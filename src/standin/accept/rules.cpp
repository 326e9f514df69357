#include "standin/accept/rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/error.h"

namespace standin::core {

namespace {

// In the order of RuleKind.
constexpr std::array kinds{"allowed_operation",
                           "block_list",
                           "allow_list",
                           "account_status",
                           "cutoff_window",
                           "per_transaction_minimum",
                           "per_transaction_limit",
                           "episode_age",
                           "floor",
                           "staleness",
                           "available_balance",
                           "opt_in_overdraft",
                           "velocity_count",
                           "cumulative_limit"};

bool debitsOnly(RuleKind kind) { return kind >= RuleKind::floor; }

std::string messageOf(std::string_view code) {
    if (code == answer_code::amountInvalid)
        return "amount not possible";
    if (code == answer_code::noSuchAccount)
        return "no such account";
    if (code == answer_code::insufficientFunds)
        return "insufficient funds";
    if (code == answer_code::notPermitted)
        return "not permitted in stand-in";
    if (code == answer_code::overLimit)
        return "over the limit";
    if (code == answer_code::restricted)
        return "account restricted";
    if (code == answer_code::tooOften)
        return "too many transactions";
    if (code == answer_code::cutOff)
        return "not at this time";
    if (code == answer_code::coreUnavailable)
        return "core unavailable";
    return "declined";
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

void take(Decision& decision, Verdict verdict) {
    if (decision.accepted && verdict.mode == RuleMode::enforce && verdict.code != answer_code::approved) {
        verdict.decides = true;
        decision.accepted = false;
        decision.code = verdict.code;
        decision.message = verdict.message ? verdict.message : messageOf(verdict.code);
    }
    decision.verdicts.push_back(std::move(verdict));
}

bool isBelowFloor(const std::vector<const Rule*>& rules, const Question& question) {
    return std::any_of(rules.begin(), rules.end(), [&](const Rule* rule) {
        return rule->kind == RuleKind::floor && rule->mode == RuleMode::enforce && question.debit &&
               question.amount <= rule->amount.value_or(Decimal());
    });
}

/// Of "08:30".
int minuteOf(std::string_view text) {
    const auto twoDigits = [&](size_t at) { return (text[at] - '0') * 10 + text[at + 1] - '0'; };
    return twoDigits(0) * 60 + twoDigits(3);
}

} // namespace

const char* name(RuleKind kind) { return kinds.at(static_cast<size_t>(kind)); }

const char* name(RuleMode mode) {
    return mode == RuleMode::enforce ? "enforce" : mode == RuleMode::monitor ? "monitor" : "off";
}

RuleKind ruleKindByName(const std::string& rule) {
    const auto found = std::find(kinds.begin(), kinds.end(), rule);
    if (found == kinds.end())
        throw Error("22023", "rule \"" + rule + "\" is not known");
    return static_cast<RuleKind>(found - kinds.begin());
}

RuleMode ruleModeByName(const std::string& text) {
    return text == "enforce" ? RuleMode::enforce : text == "monitor" ? RuleMode::monitor : RuleMode::off;
}

Hours hoursByName(const std::string& text) {
    if (text.size() != 11)
        throw Error("22023", "\"" + text + "\" is not a time of day", {}, "Write it like 08:00-17:30.");
    return {minuteOf(text), minuteOf(std::string_view(text).substr(6))};
}

std::vector<std::string> statusesByName(const std::string& text) {
    std::vector<std::string> statuses;
    for (size_t begin = 0; begin <= text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const size_t first = text.find_first_not_of(' ', begin);
        if (first < end)
            statuses.push_back(text.substr(first, text.find_last_not_of(' ', end - 1) + 1 - first));
        begin = end + 1;
    }
    return statuses;
}

std::vector<const Rule*> inForce(const std::vector<Rule>& rules, int64_t now) {
    const auto specific = [](const Rule& rule) { return std::pair(rule.ofAccount, rule.ofOperation); };
    std::map<std::pair<RuleKind, std::string>, const Rule*> best; // in the order of judgement
    for (const Rule& rule : rules) {
        if (now < rule.effectiveFrom || now >= rule.effectiveTo)
            continue;
        const Rule*& kept = best[{rule.kind, rule.window}];
        if (!kept || specific(rule) > specific(*kept))
            kept = &rule;
    }
    std::vector<const Rule*> found;
    for (const auto& [key, rule] : best)
        if (rule->mode != RuleMode::off)
            found.push_back(rule);
    return found;
}

Decision decide(const std::vector<Rule>& rules, const Question& question) {
    Decision decision;
    // What nobody declared about the allowed operation is enforced.
    const bool declared = std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
        return rule.kind == RuleKind::allowedOperation && question.now >= rule.effectiveFrom &&
               question.now < rule.effectiveTo;
    });
    if (!declared)
        take(decision, judge({RuleKind::allowedOperation, RuleMode::enforce, {}}, question, false));
    const std::vector<const Rule*> asked = inForce(rules, question.now);
    const bool belowFloor = isBelowFloor(asked, question);
    for (const Rule* rule : asked)
        if (question.debit || !debitsOnly(rule->kind))
            take(decision, judge(*rule, question, belowFloor));
    if (question.backlogFull)
        take(decision, {"backlog_ceiling", answer_code::coreUnavailable, RuleMode::enforce, "the backlog is full",
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
