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
    EXPECT_EQ(code({{RuleKind::cumulativeEpisode, RuleMode::enforce, d("1000")}}, q), "00");
    EXPECT_EQ(code({{RuleKind::cumulativeEpisode, RuleMode::enforce, d("999")}}, q), "61");
    EXPECT_EQ(code({{RuleKind::cumulativeDay, RuleMode::enforce, d("1999")}}, q), "61");
}

TEST(Rules, EveryVerdictIsRecordedAndTheFirstEnforcedDecides) {
    Question q = question();
    q.held = d("450");
    q.backlogFull = true;
    const Decision decision = decide({{RuleKind::cumulativeDay, RuleMode::enforce, d("1")},
                                      {RuleKind::availableBalance, RuleMode::enforce, {}},
                                      {RuleKind::perTransactionLimit, RuleMode::monitor, d("1")}},
                                     q);
    EXPECT_FALSE(decision.accepted);
    EXPECT_STREQ(decision.code, "51");
    EXPECT_EQ(decision.message, "insufficient funds");
    ASSERT_EQ(decision.verdicts.size(), 5U); // allowed, per transaction, balance, day, backlog
    EXPECT_EQ(decision.verdicts[1].rule, "per_transaction_limit");
    EXPECT_STREQ(decision.verdicts[1].code, "61");
    EXPECT_NE(decision.verdictsJson().find(
                  R"({"rule":"available_balance","code":"51","mode":"enforce","detail":"100 is over available 50"})"),
              std::string::npos);
}

TEST(Rules, AFullBacklogDeclinesWith91) {
    Question q = question();
    q.backlogFull = true;
    EXPECT_EQ(code({}, q), "91");
}
