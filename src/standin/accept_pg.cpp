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
    Decimal dayTotal;
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
    static pg::Statement create("INSERT INTO standin_private.account (core, account) VALUES ($1, $2) ON CONFLICT DO NOTHING");
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
        return DirectFunctionCall1(sha256_bytea, PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))));
    });
    return {VARDATA_ANY(DatumGetPointer(digest)), VARSIZE_ANY_EXHDR(DatumGetPointer(digest))};
}

[[noreturn]] void keyTaken(const Submission& submission, const std::string& detail) {
    throw Error("SI001", "key \"" + submission.key + "\" of core \"" + submission.core + "\" was used with another payload",
                detail, "A key names one transaction for ever. Retries must repeat operation and payload exactly.");
}

struct Earlier {
    bool backlog = false;
    std::optional<Acceptance> answer;
};

/// The first answer to this key, if it was asked before; and whether the account has transactions queued.
Earlier lookBack(const Submission& submission, const std::string& account, const std::string& digest) {
    static pg::Statement statement(
        "SELECT EXISTS (SELECT FROM standin_private.pending_transaction p WHERE p.core = $1 AND p.account = $3"
        "                  AND p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')),"
        "       k.ticket, k.digest = $4, k.account, d.decision, d.code, d.message"
        "  FROM (VALUES (1)) one (one)"
        "  LEFT JOIN standin_private.transaction_key k ON k.core = $1 AND k.key = $2"
        "  LEFT JOIN standin_private.decision d ON d.ticket = k.ticket AND d.account = k.account AND d.decision <> 'refused'");
    const pg::Row row = statement.run(submission.core, submission.key, account, pg::Bytea{digest})[0];
    Earlier earlier{.backlog = row.get<bool>(0), .answer = {}};
    if (row.isNull(1))
        return earlier;
    const int64_t ticket = row.get<int64_t>(1);
    if (!row.get<bool>(2))
        keyTaken(submission, "It belongs to ticket " + std::to_string(ticket) + " of account \"" + row.get<std::string>(3) + "\".");
    const bool declined = row.optional<std::string>(4).value_or("") == "declined";
    earlier.answer = Acceptance{.ticket = ticket,
                                .status = declined ? "declined" : "accepted",
                                .code = row.optional<std::string>(5).value_or("00"),
                                .message = row.optional<std::string>(6).value_or("processing"),
                                .account = account,
                                .payload = {},
                                .first = false};
    return earlier;
}

Decision decideInStandIn(const Submission& submission, const AcceptConfig& config, const Payload& payload,
                         const AccountRow& account) {
    Question question{.operationAllowed = config.standinAllowed,
                      .debit = config.debit,
                      .amount = payload.amount,
                      .balanceKnown = config.balance.has_value(),
                      .accountKnown = false,
                      .balance = {},
                      .held = account.held,
                      .episodeTotal = account.episode == config.episode ? account.episodeTotal : Decimal(),
                      .dayTotal = account.businessDay == config.businessDay ? account.dayTotal : Decimal(),
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
int64_t write(const Submission& submission, const AcceptConfig& config, const Payload& payload, const std::string& digest,
              const Decision& decision, bool promised, const char* state) {
    static pg::Statement statement(
        "WITH t AS (SELECT nextval('standin_private.ticket') AS ticket),"
        " k AS (INSERT INTO standin_private.transaction_key (core, key, ticket, account, digest)"
        "       SELECT $1, $2, ticket, $3, $4 FROM t),"
        " p AS (INSERT INTO standin_private.pending_transaction (ticket, account, core, capability, operation, key, amount, payload,"
        "           promised, epoch, episode, accepted_at, changed_at, sent_at, state, hold, attempts, message)"
        "       SELECT ticket, $3, $1, $5, $6, $2, $7::numeric, $8, $9, $10, $11, $12, $12,"
        "              CASE WHEN $13 = 'in_flight' THEN $12 END, $13, CASE WHEN $14 THEN $7::numeric ELSE 0 END,"
        "              CASE WHEN $13 = 'in_flight' THEN 1 ELSE 0 END, CASE WHEN $13 = 'declined' THEN $17 END FROM t),"
        " d AS (INSERT INTO standin_private.decision (ticket, account, decision, core, operation, key, amount, code, message, mode,"
        "           epoch, verdicts, decided_at)"
        "       SELECT ticket, $3, $15, $1, $6, $2, $7::numeric, $16, $17, $18, $10, $19, $12 FROM t),"
        " a AS (UPDATE standin_private.account SET held = held + $7::numeric,"
        "           episode = CASE WHEN $9 THEN $11 ELSE episode END,"
        "           episode_total = CASE WHEN NOT $9 THEN episode_total WHEN episode = $11 THEN episode_total + $7::numeric ELSE $7::numeric END,"
        "           business_day = CASE WHEN $9 THEN $20::date ELSE business_day END,"
        "           day_total = CASE WHEN NOT $9 THEN day_total WHEN business_day = $20::date THEN day_total + $7::numeric ELSE $7::numeric END"
        "        WHERE account = $3 AND core = $1 AND $14)"
        " SELECT ticket FROM t");
    const bool declined = !decision.accepted;
    const std::optional<std::string> verdicts =
        decision.verdicts.empty() ? std::nullopt : std::optional(decision.verdictsJson());
    std::optional<pg::Jsonb> verdictsParameter;
    if (verdicts)
        verdictsParameter = pg::Jsonb{*verdicts};
    return statement
        .run(submission.core, submission.key, payload.account, pg::Bytea{digest}, config.capability, submission.operation,
             payload.amountText, pg::Typed{JSONBOID, submission.payload}, promised, config.epoch, config.episode,
             pg::Timestamptz{kernel::now()}, state, config.debit && !declined,
             declined ? "declined" : promised ? "accepted" : "forwarded", decision.code, decision.message, name(config.mode),
             verdictsParameter, config.businessDay)[0]
        .get<int64_t>(0);
}

void checkNames(const Submission& submission) {
    if (submission.key.empty() || submission.key.size() > 255)
        throw Error("22023", "the key must have 1 to 255 bytes", {},
                    "It is the idempotency key that the core sees: one for each transaction, the same for its retries.");
}

} // namespace

Acceptance accept(const Submission& submission) {
    checkNames(submission);
    const AcceptConfig config = loadAcceptConfig(submission.core, submission.operation);
    const std::string json =
        pg::call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, submission.payload)); });
    const Payload payload = readPayload(config.format, json);
    const std::string digest = digestOf(submission.operation, json);

    // The account's row first; what is read after that is read by a later snapshot.
    const AccountRow account = lockOrCreateAccount(submission.core, payload.account);
    Earlier earlier = lookBack(submission, payload.account, digest);
    pg::call([] { ForceSyncCommit(); }); // also for a repeated answer: the first may not be flushed yet
    if (earlier.answer)
        return *earlier.answer;

    const bool promised = decides(config.mode);
    const Decision decision = promised ? decideInStandIn(submission, config, payload, account) : Decision{};
    const bool toSend = submission.wantsToSend && !promised && !earlier.backlog;
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
            write(submission, config, payload, digest, decision, promised && decision.accepted, state);
    } catch (const pg::PgError& error) {
        if (error.is(ERRCODE_UNIQUE_VIOLATION)) // taken for another account while this one was decided
            keyTaken(submission, "Another session took it a moment ago.");
        throw;
    }
    if (decision.accepted && !toSend && sends(config.mode))
        kernel::wakeAtCommit(kernel::Channel::replay);
    return acceptance;
}

} // namespace standin::core
