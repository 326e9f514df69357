#include "standin/accept/decide_pg.h"

#include <algorithm>

#include "base/error.h"
#include "kernel/clock.h"
#include "pg/compat.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/user_code.h"
#include "standin/accept/balance_pg.h"
#include "standin/accept/rule_load_pg.h"

extern "C" {
#include <utils/builtins.h>
#include <utils/date.h>
#include <utils/datetime.h>
#include <utils/fmgrprotos.h>
#include <utils/jsonb.h>
#include <utils/tuplestore.h>
}

namespace standin::core {

namespace {

bool has(const std::vector<Rule>& rules, std::initializer_list<RuleKind> kinds) {
    return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
        return rule.mode != RuleMode::off && std::find(kinds.begin(), kinds.end(), rule.kind) != kinds.end();
    });
}

void readBalanceInto(Question& question, const BalanceSource& source, const std::string& account,
                     const std::vector<Rule>& rules) {
    const auto facts = readAccount(source, account,
                                   {.asOf = has(rules, {RuleKind::staleness}),
                                    .status = has(rules, {RuleKind::accountStatus}),
                                    .overdraft = has(rules, {RuleKind::optInOverdraft})});
    if (!facts)
        return;
    question.balanceAsOf = facts->asOf;
    question.status = facts->status;
    question.overdraftAgreed = facts->overdraftAgreed;
    if (!facts->balance)
        return;
    question.accountKnown = true;
    try {
        question.balance = Decimal::parse(*facts->balance);
    } catch (const Error& error) { // NaN, infinity, more digits than money has: this account's trouble alone
        question.balanceProblem = "the balance of account \"" + account + "\" in table " + tableName(source.target) +
                                  " is unknown: " + error.what();
    }
}

Decision answer(const std::string& core, const AcceptConfig& config, const Payload& payload, Question& question,
                const std::vector<Rule>& rules) {
    if (config.balance)
        readBalanceInto(question, *config.balance, payload.account, rules);
    if (has(rules, {RuleKind::blockList, RuleKind::allowList}))
        readLists(core, payload.account, question);
    return decide(rules, question);
}

} // namespace

Moment momentAt(const AcceptConfig& config) {
    const int64_t now = kernel::now();
    struct Local {
        const char* day;
        int minute;
    };
    const Local local = pg::call([&] {
        const Datum zone = PointerGetDatum(cstring_to_text(config.timeZone.c_str()));
        const Datum at = DirectFunctionCall2(timestamptz_zone, zone, TimestampTzGetDatum(now));
        const DateADT date = DatumGetDateADT(DirectFunctionCall1(timestamp_date, at));
        int year, month, day;
        j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
        const Timestamp midnight = static_cast<Timestamp>(date) * USECS_PER_DAY;
        return Local{psprintf("%04d-%02d-%02d", year, month, day),
                     static_cast<int>((DatumGetTimestamp(at) - midnight) / USECS_PER_MINUTE)};
    });
    return {now, local.day, local.minute};
}

Decision decideInStandIn(const std::string& core, const AcceptConfig& config, const Payload& payload,
                         const AccountRow& account, const Moment& moment) {
    const bool sameEpisode = account.episode == config.episode;
    const bool sameDay = account.businessDay >= moment.day;
    Question question{.operationAllowed = config.standinAllowed,
                      .debit = config.debit,
                      .amount = payload.amount,
                      .balanceKnown = config.balance.has_value(),
                      .balance = {},
                      .balanceProblem = {},
                      .held = account.held,
                      .episodeTotal = sameEpisode ? account.episodeTotal : Decimal(),
                      .dayTotal = sameDay ? account.dayTotal : Decimal(),
                      .backlogFull = backlogFull(core, config),
                      .episodeCount = sameEpisode ? account.episodeCount : 0,
                      .dayCount = sameDay ? account.dayCount : 0,
                      .recent = account.recent,
                      .now = moment.now,
                      .minuteOfDay = moment.minuteOfDay,
                      .episodeSince = config.episodeSince};
    if (!config.needs.ofAccounts)
        return answer(core, config, payload, question, config.rules);
    std::vector<Rule> rules = config.rules;
    for (Rule& rule : rulesOfAccount(core, config.format.operation, payload.account))
        rules.push_back(std::move(rule));
    return answer(core, config, payload, question, rules);
}

} // namespace standin::core

// (core text, operation text, payload jsonb): a row a verdict
STANDIN_FUNCTION(standin_rule_evaluate) {
    using namespace standin;
    for (int i = 0; i < 3; ++i)
        if (PG_ARGISNULL(i))
            throw Error("22004", "core, operation and payload must not be null");
    const auto argument = [&](int number) {
        return std::string(pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); }));
    };
    const std::string core = argument(0), operation = argument(1);
    const std::string json =
        pg::call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(2))); });
    pg::call([fcinfo] { pg::materializeResult(fcinfo); });
    core::Decision decision;
    {
        const pg::OwnerScope owner;
        const pg::Spi spi;
        const core::AcceptConfig& config = core::acceptConfig(core, operation);
        const core::Payload payload = core::readPayload(config.format, json);
        if (config.balance)
            core::requireOwnName(*config.balance, payload.account);
        decision = core::decideInStandIn(core, config, payload, core::peekAccount(core, payload.account),
                                         core::momentAt(config));
    }
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    for (const core::Verdict& verdict : decision.verdicts) {
        pg::call([&] {
            Datum values[] = {CStringGetTextDatum(verdict.rule.c_str()), CStringGetTextDatum(core::name(verdict.mode)),
                              CStringGetTextDatum(verdict.code.c_str()), CStringGetTextDatum(verdict.detail.c_str()),
                              BoolGetDatum(verdict.decides)};
            bool nulls[5] = {false, false, false, verdict.detail.empty(), false};
            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        });
    }
    PG_RETURN_VOID();
}
