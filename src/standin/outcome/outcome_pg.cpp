#include "standin/outcome/outcome_pg.h"

#include "base/assert.h"
#include "kernel/clock.h"
#include "kernel/wake.h"
#include "pg/own_table.h"
#include "pg/spi.h"
#include "standin/outcome/account_queue_pg.h"

extern "C" {
#include <common/pg_prng.h>
}

namespace standin::core {

namespace {

struct Present {
    ItemPointerData accountRow;
    std::string amount;
    std::string hold;
    State state;
    int answers;
    bool promised;
    bool keepsHold;   ///< a posted transaction holds its funds until it is reconciled
    bool byWatermark; ///< or until the balance's watermark has passed it
    Situation situation;
};

/// The account's row is locked first, as by everybody.
Present lockPresent(const CoreConfig& config, bool inquires, const Sending& sending) {
    static pg::Statement statement(
        "SELECT p.state, p.answers, p.promised, p.attempts, coalesce(p.sent_at, p.accepted_at), o.dedup, o.on_reject = "
        "'hold',"
        "       EXISTS (SELECT FROM standin_private.reconciliation r WHERE r.core = p.core)"
        "       OR EXISTS (SELECT FROM standin_private.balance_source b WHERE b.core = p.core),"
        "       EXISTS (SELECT FROM standin_private.core c WHERE c.core = p.core AND c.hold_release = 'watermark'),"
        "       p.amount, nullif(p.hold, 0), a.ctid"
        "  FROM standin_private.account a JOIN standin_private.pending_transaction p USING (core, account)"
        "  JOIN standin_private.operation o ON o.core = p.core AND o.operation = p.operation"
        " WHERE a.core = $3 AND a.account = $2 AND p.ticket = $1 AND p.account = $2 FOR UPDATE OF a, p",
        pg::Plan::ByIndex);
    const pg::Rows rows = statement.run(sending.ticket, sending.account, config.core);
    if (rows.empty())
        throw Error("XX001", "transaction " + std::to_string(sending.ticket) + " is gone from the queue");
    const pg::Row row = rows[0];
    const int64_t sinceSent = kernel::now() - row.get<pg::Timestamptz>(4).microseconds;
    Present present{.accountRow = row.get<ItemPointerData>(11),
                    .amount = row.get<std::string>(9),
                    .hold = row.optional<std::string>(10).value_or(""),
                    .state = stateByName(row.get<std::string>(0)),
                    .answers = row.get<int32_t>(1),
                    .promised = row.get<bool>(2),
                    .keepsHold = row.get<bool>(7),
                    .byWatermark = row.get<bool>(8),
                    .situation = {}};
    present.situation = {.dedup = dedupByName(row.get<std::string>(5)),
                         .inquires = inquires,
                         .attempts = row.get<int32_t>(3),
                         .attemptsMaximum = config.attemptsMaximum,
                         .promised = present.promised,
                         .holdOnReject = row.get<bool>(6),
                         .sinceSent = std::chrono::milliseconds(sinceSent / 1000),
                         .callTimeout = config.callTimeout,
                         .jitter = pg_prng_double(&pg_global_prng_state)};
    return present;
}

void logAnswer(const std::string& core, const Sending& sending, const Present& present, const Answer& answer,
               pg::Timestamptz now) {
    static pg::OwnTable log("core_answer", {"ticket", "account", "answer", "core", "key", "amount", "call", "outcome",
                                            "reference", "message", "answered_at"});
    const auto given = [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); };
    log.insert(sending.ticket, sending.account, present.answers + 1, core, sending.request.key,
               pg::Written{NUMERICOID, present.amount}, sending.kind == CallKind::post ? "post" : "inquire",
               name(answer.outcome), given(answer.reference), given(answer.message), now);
}

void move(const Sending& sending, const Present& present, const Next& next, const Answer& answer, pg::Timestamptz now) {
    static pg::Statement update(
        "UPDATE standin_private.pending_transaction SET state = $3, answers = answers + 1,"
        "       due_at = CASE WHEN $5 > 0 THEN $4 + $5 * interval '1 millisecond' END,"
        "       attempts = attempts - CASE WHEN $6 THEN 0 ELSE 1 END, hold = CASE WHEN $7 THEN 0 ELSE hold END,"
        "       answered = coalesce($8, answered), reference = coalesce(nullif($9, ''), reference),"
        "       message = CASE WHEN $8 IS NULL THEN coalesce(nullif($10, ''), message) ELSE nullif($10, '') END,"
        "       changed_at = $4"
        " WHERE ticket = $1 AND account = $2",
        pg::Plan::ByIndex);
    static pg::OwnTable account("account", {"held"});
    const bool released =
        (next.state == State::rejected && !present.promised) || (next.state == State::posted && !present.keepsHold);
    const bool settles = answer.outcome == Outcome::posted || answer.outcome == Outcome::rejected;
    const std::optional<std::string> answered =
        settles ? std::optional<std::string>(name(answer.outcome)) : std::nullopt;
    update.run(sending.ticket, sending.account, name(next.state), now, static_cast<double>(next.delay.count()),
               next.attemptSpent, released, answered, settles ? answer.reference : std::string(), answer.message);
    if (released && !present.hold.empty())
        account.update(present.accountRow, pg::Added{"-" + present.hold});
}

/// For the sweep that compares it with the balance's watermark.
void notePosting(const Sending& sending, pg::Timestamptz now) {
    static pg::Statement statement("INSERT INTO standin_private.posted_hold (core, account, ticket, posted_at)"
                                   " SELECT core, account, ticket, $3 FROM standin_private.pending_transaction"
                                   "  WHERE ticket = $1 AND account = $2 AND hold > 0 ON CONFLICT DO NOTHING",
                                   pg::Plan::ByIndex);
    statement.run(sending.ticket, sending.account, now);
}

/// Nothing was promised, so the core's no is the answer, not an accident: it leaves "accepted" in the decision log.
void logRefusal(const Sending& sending, const Answer& answer, pg::Timestamptz now) {
    static pg::Statement statement(
        "INSERT INTO standin_private.decision (ticket, account, decision, core, operation, key, amount, code, message, "
        "mode, epoch, decided_at)"
        " SELECT d.ticket, d.account, 'refused', d.core, d.operation, d.key, d.amount, '05', coalesce(nullif($3, ''), "
        "'refused by the core'),"
        "        d.mode, d.epoch, $4"
        "   FROM standin_private.decision d WHERE d.ticket = $1 AND d.account = $2 AND d.decision = 'forwarded'",
        pg::Plan::ByIndex);
    statement.run(sending.ticket, sending.account, answer.message, now);
}

} // namespace

bool lockAccountNow(const std::string& core, const std::string& account) {
    static pg::Statement statement(
        "SELECT FROM standin_private.account WHERE account = $2 AND core = $1 FOR UPDATE SKIP LOCKED",
        pg::Plan::ByIndex);
    return !statement.run(core, account).empty();
}

void putBack(const Sending& sending) {
    static pg::Statement statement(
        "UPDATE standin_private.pending_transaction SET state = $3, attempts = attempts - 1, changed_at = $4,"
        "       due_at = $4 + interval '1 second' WHERE ticket = $1 AND account = $2 AND state = $5",
        pg::Plan::ByIndex);
    if (sending.kind == CallKind::post)
        statement.run(sending.ticket, sending.account, name(State::retryWait), pg::Timestamptz{kernel::now()},
                      name(State::inFlight));
}

State recordOutcome(const CoreConfig& config, bool inquires, const Sending& sending, const Answer& answer) {
    const Present present = lockPresent(config, inquires, sending);
    const pg::Timestamptz now{kernel::now()};
    logAnswer(config.core, sending, present, answer, now);

    const State expected = sending.kind == CallKind::post ? State::inFlight : State::unknown;
    Next next{present.state};
    if (present.state == expected)
        next = sending.kind == CallKind::post ? afterPost(answer, present.situation)
                                              : afterInquiry(answer, present.situation);
    // What an answer cannot tell it does not settle; what is final stays so.
    STANDIN_ASSERT(next.state == present.state || present.state == expected);
    move(sending, present, next, answer, now);
    if (next.state == State::posted && present.keepsHold && present.byWatermark)
        notePosting(sending, now);
    if (present.state == expected && next.state == State::rejected && !present.promised)
        logRefusal(sending, answer, now);
    kernel::wakeAtCommit(kernel::Channel::ticket);
    if (hasBacklog(config.core, sending.account)) // its next one, or this one again
        kernel::wakeAtCommit(kernel::Channel::replay);
    pg::call([] { ForceSyncCommit(); });
    return next.state;
}

void unknownTicket(int64_t ticket) { throw Error("42704", "ticket " + std::to_string(ticket) + " does not exist"); }

Standing standing(int64_t ticket) {
    static pg::Statement statement("SELECT p.state, p.promised, d.code,"
                                   "       standin_private.state_message(p.state, p.promised, p.message)"
                                   "  FROM standin_private.pending_transaction p"
                                   "  LEFT JOIN standin_private.decision d ON p.state = 'declined' AND"
                                   "            d.ticket = p.ticket AND d.account = p.account"
                                   " WHERE p.ticket = $1",
                                   pg::Plan::ByIndex);
    const pg::Rows rows = statement.run(ticket);
    if (rows.empty())
        unknownTicket(ticket);
    const State state = stateByName(rows[0].get<std::string>(0));
    const PublicStatus told = publicStatus(state, rows[0].get<bool>(1));
    return {state, told.status, told.code ? told.code : rows[0].optional<std::string>(2).value_or(""),
            rows[0].optional<std::string>(3).value_or("")};
}

} // namespace standin::core
