#include "standin/accept/rule_load_pg.h"

#include "pg/spi.h"

// The columns of a rule in the order in which they are read.
#define RULE_COLUMNS                                                                                                   \
    "SELECT rule, mode, amount, \"window\","                                                                           \
    " CASE WHEN \"window\" ~ '^[0-9]' THEN (extract(epoch FROM \"window\"::interval) * 1000000)::bigint ELSE 0 END,"   \
    " coalesce(maximum_count, 0)::bigint, coalesce(extract(epoch FROM maximum_age) * 1000000, 0)::bigint, hours,"      \
    " statuses, code, effective_from, effective_to, account <> '*', operation <> '*' FROM standin_private.rule"

namespace standin::core {

namespace {

Rule ruleOf(const pg::Row& row) {
    Rule rule{.kind = ruleKindByName(row.get<std::string>(0)), .mode = ruleModeByName(row.get<std::string>(1))};
    if (!row.isNull(2))
        rule.amount = Decimal::parse(row.get<std::string>(2));
    rule.window = row.get<std::string>(3);
    rule.windowMicroseconds = row.get<int64_t>(4);
    rule.count = row.get<int64_t>(5);
    rule.maximumAge = row.get<int64_t>(6);
    if (!row.isNull(7))
        rule.hours = hoursByName(row.get<std::string>(7));
    if (!row.isNull(8))
        rule.statuses = statusesByName(row.get<std::string>(8));
    if (!row.isNull(9))
        rule.code = row.get<std::string>(9);
    if (!row.isNull(10))
        rule.effectiveFrom = row.get<pg::Timestamptz>(10).microseconds;
    if (!row.isNull(11))
        rule.effectiveTo = row.get<pg::Timestamptz>(11).microseconds;
    rule.ofAccount = row.get<bool>(12);
    rule.ofOperation = row.get<bool>(13);
    return rule;
}

} // namespace

std::vector<Rule> rulesOfAll(const std::string& core, const std::string& operation) {
    static pg::Statement statement(RULE_COLUMNS " WHERE core = $1 AND account = '*' AND operation IN ('*', $2)");
    std::vector<Rule> rules;
    for (const pg::Row row : statement.run(core, operation))
        rules.push_back(ruleOf(row));
    return rules;
}

std::vector<Rule> rulesOfAccount(const std::string& core, const std::string& operation, const std::string& account) {
    static pg::Statement statement(RULE_COLUMNS
                                   " WHERE core = $1 AND account = $3 AND account <> '*' AND operation IN ('*', $2)",
                                   pg::Plan::ByIndex);
    std::vector<Rule> rules;
    for (const pg::Row row : statement.run(core, operation, account))
        rules.push_back(ruleOf(row));
    return rules;
}

void readLists(const std::string& core, const std::string& account, Question& question) {
    static pg::Statement statement("SELECT list = 'block' FROM standin_private.account_list WHERE core = $1"
                                   "   AND account = $2 AND coalesce($3 < expires_at, true)",
                                   pg::Plan::ByIndex);
    for (const pg::Row row : statement.run(core, account, pg::Timestamptz{question.now}))
        (row.get<bool>(0) ? question.blocked : question.onAllowList) = true;
}

} // namespace standin::core
