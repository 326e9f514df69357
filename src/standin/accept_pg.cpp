#include "standin/accept_pg.h"

#include "kernel/clock.h"
#include "kernel/wake.h"
#include "standin/accept_config_pg.h"
#include "standin/mode_lock_pg.h"

extern "C" {
#include <utils/fmgrprotos.h>
}

namespace standin::core {

namespace {

struct AccountRow {
    Decimal held;
    std::optional<int64_t> episode;
    Decimal episodeTotal;
    std::string businessDay;
    Decimal dayTotal; // as of businessDay
};

std::optional<AccountRow> lockAccount(const std::string& core, const std::string& account) {
    static pg::Statement statement("SELECT held, episode, episode_total, coalesce(business_day::text, ''), day_total"
                                   "  FROM standin_private.account WHERE account = $2 AND core = $1 FOR UPDATE");
    const pg::Rows rows = statement.run(core, account);
    if (rows.empty())
        return std::nullopt;
    const pg::Row row = rows[0];
    return AccountRow{Decimal::parse(row.get<std::string>(0)), row.optional<int64_t>(1),
                      Decimal::parse(row.get<std::string>(2)), row.get<std::string>(3),
                      Decimal::parse(row.get<std::string>(4))};
}

AccountRow lockOrCreateAccount(const std::string& core, const std::string& account) {
    static pg::Statement create(
        "INSERT INTO standin_private.account (core, account) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    if (auto row = lockAccount(core, account))
        return *row;
    create.run(core, account);
    if (auto row = lockAccount(core, account))
        return *row;
    throw Error("40001", "could not lock account \"" + account + "\"", {}, "Retry the transaction.");
}

/// SHA-256 over operation and payload.
std::string digestOf(const std::string& operation, const std::string& payload) {
    const std::string text = operation + '\n' + payload;
    const Datum digest = pg::call([&] {
        return DirectFunctionCall1(
            sha256_bytea, PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))));
    });
    return {VARDATA_ANY(DatumGetPointer(digest)), VARSIZE_ANY_EXHDR(DatumGetPointer(digest))};
}

[[noreturn]] void keyTaken(const Submission& submission, const std::string& detail) {
    throw Error("SI001",
                "key \"" + submission.key + "\" of core \"" + submission.core + "\" was used with another payload",
                detail, "A key names one transaction for ever. Retries must repeat operation and payload exactly.");
}

/// The first answer to this key, if it was asked before.
std::optional<Acceptance> earlierAnswer(const Submission& submission, const std::string& account,
                                        const std::string& digest) {
    static pg::Statement taken(
        "SELECT ticket, digest = $3, account FROM standin_private.transaction_key WHERE core = $1 AND key = $2");
    static pg::Statement first("SELECT decision, code, message FROM standin_private.decision"
                               " WHERE ticket = $1 AND account = $2 AND decision <> 'refused'");
    const pg::Rows keys = taken.run(submission.core, submission.key, pg::Bytea{digest});
    if (keys.empty())
        return std::nullopt;
    const int64_t ticket = keys[0].get<int64_t>(0);
    if (!keys[0].get<bool>(1))
        keyTaken(submission, "It belongs to ticket " + std::to_string(ticket) + " of account \"" +
                                 keys[0].get<std::string>(2) + "\".");
    const pg::Rows decisions = first.run(ticket, account);
    if (decisions.empty())
        throw Error("XX001", "ticket " + std::to_string(ticket) + " is missing in the decision log");
    const pg::Row row = decisions[0];
    return Acceptance{.ticket = ticket,
                      .status = row.get<std::string>(0) == "declined" ? "declined" : "accepted",
                      .code = row.get<std::string>(1),
                      .message = row.get<std::string>(2),
                      .account = account,
                      .payload = {},
                      .first = false};
}

bool hasBacklog(const std::string& core, const std::string& account) {
    static pg::Statement statement(
        "SELECT EXISTS (SELECT FROM standin_private.pending_transaction WHERE core = $1 AND account = $2"
        "               AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair'))");
    return statement.run(core, account)[0].get<bool>(0);
}

Decision decideInStandIn(const Submission& submission, const AcceptConfig& config, const Payload& payload,
                         const AccountRow& account, const std::string& today) {
    Question question{.operationAllowed = config.standinAllowed,
                      .debit = config.debit,
                      .amount = payload.amount,
                      .balanceKnown = config.balance.has_value(),
                      .accountKnown = false,
                      .balance = {},
                      .held = account.held,
                      .episodeTotal = account.episode == config.episode ? account.episodeTotal : Decimal(),
                      .dayTotal = account.businessDay == today ? account.dayTotal : Decimal(),
                      .backlogFull = backlogFull(submission.core, config)};
    if (config.balance) {
        if (const auto balance = readBalance(*config.balance, payload.account)) {
            question.accountKnown = true;
            question.balance = Decimal::parse(*balance);
        }
    }
    return decide(config.rules, question);
}

/// Key, queue, decision log and the account's counters, in one statement.
int64_t write(const Submission& submission, const AcceptConfig& config, const Payload& payload,
              const std::string& digest, const Decision& decision, bool promised, const char* state,
              const std::string& today) {
    static pg::Statement statement(
        "WITH t AS (SELECT nextval('standin_private.ticket') AS ticket),"
        " k AS (INSERT INTO standin_private.transaction_key (core, key, ticket, account, digest)"
        "       SELECT $1, $2, ticket, $3, $4 FROM t),"
        " p AS (INSERT INTO standin_private.pending_transaction (ticket, account, core, capability, operation, key, "
        "amount, payload,"
        "           promised, epoch, episode, accepted_at, changed_at, sent_at, state, hold, attempts, message)"
        "       SELECT ticket, $3, $1, $5, $6, $2, $7::numeric, $8, $9, $10, $11, $12, $12,"
        "              CASE WHEN $13 = 'in_flight' THEN $12 END, $13, CASE WHEN $14 THEN $7::numeric ELSE 0 END,"
        "              CASE WHEN $13 = 'in_flight' THEN 1 ELSE 0 END, CASE WHEN $13 = 'declined' THEN $17 END FROM t),"
        " d AS (INSERT INTO standin_private.decision (ticket, account, decision, core, operation, key, amount, code, "
        "message, mode,"
        "           epoch, verdicts, decided_at)"
        "       SELECT ticket, $3, $15, $1, $6, $2, $7::numeric, $16, $17, $18, $10, $19, $12 FROM t),"
        " a AS (UPDATE standin_private.account SET held = held + $7::numeric,"
        "           episode = CASE WHEN $9 THEN $11 ELSE episode END,"
        "           episode_total = CASE WHEN NOT $9 THEN episode_total WHEN episode = $11 THEN episode_total + "
        "$7::numeric ELSE $7::numeric END,"
        "           business_day = CASE WHEN $9 THEN $20::date ELSE business_day END,"
        "           day_total = CASE WHEN NOT $9 THEN day_total WHEN business_day = $20::date THEN day_total + "
        "$7::numeric ELSE $7::numeric END"
        "        WHERE account = $3 AND core = $1 AND $14)"
        " SELECT ticket FROM t");
    const bool declined = !decision.accepted;
    const std::optional<std::string> verdicts =
        decision.verdicts.empty() ? std::nullopt : std::optional(decision.verdictsJson());
    std::optional<pg::Jsonb> verdictsParameter;
    if (verdicts)
        verdictsParameter = pg::Jsonb{*verdicts};
    return statement
        .run(submission.core, submission.key, payload.account, pg::Bytea{digest}, config.capability,
             submission.operation, payload.amountText, pg::Typed{JSONBOID, submission.payload}, promised, config.epoch,
             config.episode, pg::Timestamptz{kernel::now()}, state, config.debit && !declined,
             declined   ? "declined"
             : promised ? "accepted"
                        : "forwarded",
             decision.code, decision.message, name(config.mode), verdictsParameter, today)[0]
        .get<int64_t>(0);
}

void checkNames(const Submission& submission) {
    if (submission.key.empty() || submission.key.size() > 255)
        throw Error(
            "22023", "the key must have 1 to 255 bytes", {},
            "It is the idempotency key that the core sees: one for each transaction, the same for its retries.");
}

} // namespace

Acceptance accept(const Submission& submission) {
    checkNames(submission);
    const AcceptConfig& config = acceptConfig(submission.core, submission.operation);
    const std::string json =
        pg::call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, submission.payload)); });
    const Payload payload = readPayload(config.format, json);
    if (config.balance)
        requireOwnName(*config.balance, payload.account);
    const std::string digest = digestOf(submission.operation, json);

    // The account's row first; what is read after that is read by a later snapshot.
    const AccountRow account = lockOrCreateAccount(submission.core, payload.account);
    pg::call([] { ForceSyncCommit(); }); // also for a repeated answer: the first may not be flushed yet
    if (auto answer = earlierAnswer(submission, payload.account, digest))
        return *answer;

    const bool promised = decides(config.mode);
    const std::string today = businessDay(config);
    const Decision decision = promised ? decideInStandIn(submission, config, payload, account, today) : Decision{};
    const bool toSend = submission.wantsToSend && !promised && !hasBacklog(submission.core, payload.account);
    const char* state = !decision.accepted ? "declined" : toSend ? "in_flight" : "accepted";

    noteDecision(config.modeId, config.epoch);
    Acceptance acceptance{.ticket = 0,
                          .status = decision.accepted ? "accepted" : "declined",
                          .code = decision.code,
                          .message = decision.message,
                          .account = payload.account,
                          .payload = json,
                          .first = true,
                          .toSend = toSend};
    try {
        acceptance.ticket =
            write(submission, config, payload, digest, decision, promised && decision.accepted, state, today);
    } catch (const pg::PgError& error) {
        if (error.is(ERRCODE_UNIQUE_VIOLATION) && IsolationUsesXactSnapshot()) // taken after the snapshot, by whatever
            throw Error("40001", "could not see who used key \"" + submission.key + "\" since the transaction began",
                        {}, "Retry the transaction.");
        if (error.is(ERRCODE_UNIQUE_VIOLATION)) // taken for another account while this one was decided
            keyTaken(submission, "Another session took it a moment ago.");
        throw;
    }
    if (decision.accepted && !toSend && sends(config.mode))
        kernel::wakeAtCommit(kernel::Channel::replay);
    return acceptance;
}

} // namespace standin::core
