#include <gtest/gtest.h>

#include "standin/accept/rules.h"

using namespace standin::core;

namespace {
Decimal d(const char* text) { return Decimal::parse(text); }

Question question() {
    Question q;
    q.operationAllowed = true;
    q.amount = d("100");
    q.balanceKnown = q.accountKnown = true;
    q.balance = d("500");
    return q;
}

std::string code(const std::vector<Rule>& rules, const Question& q) { return decide(rules, q).code; }
} // namespace

TEST(Rules, WithoutRulesOnlyAllowedOperationsPass) {
    Question q = question();
    EXPECT_EQ(code({}, q), "00");
    q.operationAllowed = false;
    EXPECT_EQ(code({}, q), "57");
    EXPECT_EQ(code({{RuleKind::allowedOperation, RuleMode::off, {}}}, q), "00");
    EXPECT_EQ(code({{RuleKind::allowedOperation, RuleMode::monitor, {}}}, q), "00");
}

TEST(Rules, PerTransactionLimitIsInclusive) {
    EXPECT_EQ(code({{RuleKind::perTransactionLimit, RuleMode::enforce, d("100")}}, question()), "00");
    EXPECT_EQ(code({{RuleKind::perTransactionLimit, RuleMode::enforce, d("99.99")}}, question()), "61");
}

TEST(Rules, AvailableBalanceCountsHolds) {
    const std::vector<Rule> rules{{RuleKind::availableBalance, RuleMode::enforce, {}}};
    Question q = question();
    q.held = d("400");
    EXPECT_EQ(code(rules, q), "00");
    q.held = d("400.000000000001");
    EXPECT_EQ(code(rules, q), "51");
    EXPECT_EQ(code({{RuleKind::availableBalance, RuleMode::enforce, d("1")}}, q), "00"); // arranged overdraft
    q.accountKnown = false;
    EXPECT_EQ(code(rules, q), "14");
    q.balanceKnown = false;
    EXPECT_EQ(code(rules, q), "91");
    q.debit = false;
    EXPECT_EQ(code(rules, q), "00");
}

TEST(Rules, CumulativeLimitsCountWhatWasAccepted) {
    Question q = question();
    q.episodeTotal = d("900");
    q.dayTotal = d("1900");
    EXPECT_EQ(code({{RuleKind::cumulativeLimit, RuleMode::enforce, d("1000"), "episode"}}, q), "00");
    EXPECT_EQ(code({{RuleKind::cumulativeLimit, RuleMode::enforce, d("999"), "episode"}}, q), "61");
    EXPECT_EQ(code({{RuleKind::cumulativeLimit, RuleMode::enforce, d("1999"), "business_day"}}, q), "61");
}

TEST(Rules, EveryVerdictIsRecordedAndTheFirstEnforcedDecides) {
    Question q = question();
    q.held = d("450");
    q.backlogFull = true;
    const Decision decision = decide({{RuleKind::cumulativeLimit, RuleMode::enforce, d("1"), "business_day"},
                                      {RuleKind::availableBalance, RuleMode::enforce, {}},
                                      {RuleKind::perTransactionLimit, RuleMode::monitor, d("1")}},
                                     q);
    EXPECT_FALSE(decision.accepted);
    EXPECT_EQ(decision.code, "51");
    EXPECT_EQ(decision.message, "insufficient funds");
    ASSERT_EQ(decision.verdicts.size(), 5U); // allowed, per transaction, balance, day, backlog
    EXPECT_EQ(decision.verdicts[1].rule, "per_transaction_limit");
    EXPECT_EQ(decision.verdicts[1].code, "61");
    EXPECT_NE(decision.verdictsJson().find(
                  R"({"rule":"available_balance","code":"51","mode":"enforce","detail":"100 is over available 50"})"),
              std::string::npos);
}

TEST(Rules, AFullBacklogDeclinesWith91) {
    Question q = question();
    q.backlogFull = true;
    EXPECT_EQ(code({}, q), "91");
}

TEST(Rules, TheMostSpecificThatIsInForceDecides) {
    Question q = question();
    q.now = 50;
    Rule all{RuleKind::perTransactionLimit, RuleMode::enforce, d("10")};
    Rule operation{RuleKind::perTransactionLimit, RuleMode::enforce, d("200")};
    operation.ofOperation = true;
    Rule account{RuleKind::perTransactionLimit, RuleMode::enforce, d("20")};
    account.ofAccount = true;
    EXPECT_EQ(code({operation, all}, q), "00");
    EXPECT_EQ(code({all, account, operation}, q), "61");
    account.mode = RuleMode::off; // the account has no limit at all
    EXPECT_EQ(code({all, account}, q), "00");
    account.effectiveFrom = 51;
    EXPECT_EQ(code({all, account}, q), "61");
    account.effectiveFrom = 50;
    account.effectiveTo = 50;
    EXPECT_EQ(code({all, account}, q), "61");
    account.effectiveTo = 51;
    EXPECT_EQ(code({all, account}, q), "00");
}

TEST(Rules, ADeclineHasTheCodeThatWasDeclared) {
    Rule rule{RuleKind::perTransactionLimit, RuleMode::enforce, d("10")};
    rule.code = "13";
    EXPECT_EQ(code({rule}, question()), "13");
    Rule funds{RuleKind::availableBalance};
    funds.code = "05";
    Question q = question();
    q.balanceKnown = false;
    EXPECT_EQ(code({funds}, q), "91"); // not known is not the rule's own objection
}

TEST(Rules, ListsAndStatus) {
    Question q = question();
    EXPECT_EQ(code({{RuleKind::blockList}}, q), "00");
    EXPECT_EQ(code({{RuleKind::allowList}}, q), "62");
    q.blocked = q.onAllowList = true;
    EXPECT_EQ(code({{RuleKind::blockList}}, q), "62");
    EXPECT_EQ(code({{RuleKind::allowList}}, q), "00");
    Rule status{RuleKind::accountStatus};
    status.statuses = statusesByName("open, new account ,,x");
    EXPECT_EQ(status.statuses, (std::vector<std::string>{"open", "new account", "x"}));
    EXPECT_EQ(code({status}, q), "91");
    q.status = "new account";
    EXPECT_EQ(code({status}, q), "00");
    q.status = "dormant";
    EXPECT_EQ(code({status}, q), "62");
    q.status.reset();
    q.accountKnown = false;
    EXPECT_EQ(code({status}, q), "14");
}

TEST(Rules, TheTimeOfDay) {
    Question q = question();
    Rule rule{RuleKind::cutoffWindow};
    const auto at = [&](const char* hours, int minute) {
        rule.hours = hoursByName(hours);
        q.minuteOfDay = minute;
        return code({rule}, q);
    };
    EXPECT_EQ(at("08:00-17:30", 479), "90");
    EXPECT_EQ(at("08:00-17:30", 480), "00");
    EXPECT_EQ(at("08:00-17:30", 1049), "00");
    EXPECT_EQ(at("08:00-17:30", 1050), "90");
    EXPECT_EQ(at("22:00-06:00", 1439), "00");
    EXPECT_EQ(at("22:00-06:00", 0), "00");
    EXPECT_EQ(at("22:00-06:00", 360), "90");
    EXPECT_EQ(at("22:00-06:00", 720), "90");
}

TEST(Rules, AStaleBalanceIsNone) {
    Question q = question();
    Rule rule{RuleKind::staleness};
    rule.maximumAge = 60000000;
    q.now = 100000000;
    EXPECT_EQ(code({rule}, q), "91");
    q.balanceAsOf = 40000000;
    EXPECT_EQ(code({rule}, q), "00");
    q.balanceAsOf = 39999999;
    EXPECT_EQ(code({rule}, q), "91");
}

TEST(Rules, UpToTheFloorFundsAreNotAskedFor) {
    Question q = question();
    q.balance = d("0");
    Rule floor{RuleKind::floor, RuleMode::enforce, d("100")};
    Rule stale{RuleKind::staleness};
    const std::vector<Rule> rules{{RuleKind::optInOverdraft}, {RuleKind::availableBalance}, floor, stale};
    EXPECT_EQ(code(rules, q), "00");
    q.amount = d("100.01");
    EXPECT_EQ(code(rules, q), "91"); // of staleness
    q.amount = d("1");
    q.accountKnown = false;
    for (const Rule& each : {rules[0], rules[1], stale})
        EXPECT_EQ(code({floor, each}, q), "14") << name(each.kind); // the account must exist
    q.balanceKnown = false;
    for (const Rule& each : {rules[0], rules[1], stale})
        EXPECT_EQ(code({floor, each}, q), "91") << name(each.kind); // which nobody knows
    q.balanceKnown = q.accountKnown = true;
    floor.mode = RuleMode::monitor;
    EXPECT_EQ(code({{RuleKind::availableBalance}, floor}, q), "51");
}

TEST(Rules, NobodyIsOverdrawnWhoDidNotAgree) {
    Question q = question();
    q.balance = d("50");
    const std::vector<Rule> rules{{RuleKind::availableBalance, RuleMode::enforce, d("1000")},
                                  {RuleKind::optInOverdraft}};
    EXPECT_EQ(code(rules, q), "51");
    q.overdraftAgreed = false;
    EXPECT_EQ(code(rules, q), "51");
    q.overdraftAgreed = true;
    EXPECT_EQ(code(rules, q), "00");
    q.overdraftAgreed = false;
    q.amount = d("50");
    EXPECT_EQ(code(rules, q), "00");
}

TEST(Rules, LimitsBecomeSmallerWithTheEpisodesAge) {
    Question q = question();
    Rule hour{RuleKind::episodeAge, RuleMode::enforce, d("99"), "01:00:00", 3600000000};
    Rule day{RuleKind::episodeAge, RuleMode::enforce, {}, "1 day", 86400000000};
    EXPECT_EQ(code({hour, day}, q), "00"); // no episode
    q.episodeSince = 0;
    q.now = 3599999999;
    EXPECT_EQ(code({hour, day}, q), "00");
    q.now = 3600000000;
    EXPECT_EQ(code({hour, day}, q), "61");
    q.amount = d("99");
    EXPECT_EQ(code({hour, day}, q), "00");
    q.now = 86400000000;
    EXPECT_EQ(code({hour, day}, q), "57");
}

TEST(Rules, CountsInAWindow) {
    Question q = question();
    q.now = 1000;
    q.recent = {100, 500, 900};
    Rule sliding{RuleKind::velocityCount, RuleMode::enforce, {}, "x", 500};
    sliding.count = 2;
    EXPECT_EQ(code({sliding}, q), "00"); // what is as old as the window does not count
    sliding.windowMicroseconds = 501;
    EXPECT_EQ(code({sliding}, q), "65");
    Rule day{RuleKind::velocityCount, RuleMode::enforce, {}, "business_day"};
    day.count = 3;
    q.dayCount = 2;
    EXPECT_EQ(code({day}, q), "00");
    q.dayCount = 3;
    EXPECT_EQ(code({day}, q), "65");
    q.debit = false;
    EXPECT_EQ(code({day}, q), "00");
}

TEST(Rules, TooSmallAnAmount) {
    EXPECT_EQ(code({{RuleKind::perTransactionMinimum, RuleMode::enforce, d("100")}}, question()), "00");
    EXPECT_EQ(code({{RuleKind::perTransactionMinimum, RuleMode::enforce, d("100.01")}}, question()), "13");
}
