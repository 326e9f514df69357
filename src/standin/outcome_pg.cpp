#include "standin/outcome_pg.h"

#include "kernel/clock.h"
#include "kernel/wake.h"
#include "pg/spi.h"

extern "C" {
#include <common/pg_prng.h>
}

namespace standin::core {

namespace {

struct Present {
    State state;
    int answers;
    bool promised;
    bool keepsHold; ///< a posted transaction holds its funds until it is reconciled
    Situation situation;
};

Present lockPresent(const CoreConfig& config, bool inquires, const Sending& sending) {
    static pg::Statement lockAccount("SELECT FROM standin_private.account WHERE account = $2 AND core = $1 FOR UPDATE");
    static pg::Statement statement(
        "SELECT p.state, p.answers, p.promised, p.attempts, coalesce(p.sent_at, p.accepted_at), o.dedup, o.on_reject = "
        "'hold',"
        "       EXISTS (SELECT FROM standin_private.reconciliation r WHERE r.core = p.core)"
        "       OR EXISTS (SELECT FROM standin_private.balance_source b WHERE b.core = p.core)"
        "  FROM standin_private.pending_transaction p"
        "  JOIN standin_private.operation o ON o.core = p.core AND o.operation = p.operation"
        " WHERE p.ticket = $1 AND p.account = $2 FOR UPDATE OF p");
    lockAccount.run(config.core, sending.account);
    const pg::Rows rows = statement.run(sending.ticket, sending.account);
    if (rows.empty())
        throw Error("XX001", "transaction " + std::to_string(sending.ticket) + " is gone from the queue");
    const pg::Row row = rows[0];
    const int64_t sinceSent = kernel::now() - row.get<pg::Timestamptz>(4).microseconds;
    Present present{.state = stateByName(row.get<std::string>(0)),
                    .answers = row.get<int32_t>(1),
                    .promised = row.get<bool>(2),
                    .keepsHold = row.get<bool>(7),
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

void logAnswer(const Sending& sending, int number, const Answer& answer, pg::Timestamptz now) {
    static pg::Statement statement(
        "INSERT INTO standin_private.core_answer (ticket, account, answer, core, key, amount, call, outcome, "
        "reference, message, answered_at)"
        " SELECT ticket, account, $3, core, key, amount, $4, $5, nullif($6, ''), nullif($7, ''), $8"
        "   FROM standin_private.pending_transaction WHERE ticket = $1 AND account = $2");
    statement.run(sending.ticket, sending.account, number, sending.kind == CallKind::post ? "post" : "inquire",
                  name(answer.outcome), answer.reference, answer.message, now);
}

void move(const CoreConfig& config, const Sending& sending, const Present& present, const Next& next,
          const Answer& answer, pg::Timestamptz now) {
    static pg::Statement update(
        "WITH before AS (SELECT hold FROM standin_private.pending_transaction WHERE ticket = $1 AND account = $2),"
        " p AS (UPDATE standin_private.pending_transaction SET state = $3, answers = answers + 1,"
        "           due_at = CASE WHEN $5 > 0 THEN $4 + $5 * interval '1 millisecond' END,"
        "           attempts = attempts - CASE WHEN $6 THEN 0 ELSE 1 END, hold = CASE WHEN $7 THEN 0 ELSE hold END,"
        "           answered = coalesce($8, answered), reference = coalesce(nullif($9, ''), reference),"
        "           message = CASE WHEN $8 IS NULL THEN coalesce(nullif($10, ''), message) ELSE nullif($10, '') END, "
        "changed_at = $4"
        "        WHERE ticket = $1 AND account = $2)"
        " UPDATE standin_private.account SET held = held - before.hold FROM before"
        "  WHERE $7 AND before.hold > 0 AND account = $2 AND core = $11");
    const bool released =
        (next.state == State::rejected && !present.promised) || (next.state == State::posted && !present.keepsHold);
    const bool settles = answer.outcome == Outcome::posted || answer.outcome == Outcome::rejected;
    const std::optional<std::string> answered =
        settles ? std::optional<std::string>(name(answer.outcome)) : std::nullopt;
    update.run(sending.ticket, sending.account, name(next.state), now, static_cast<double>(next.delay.count()),
               next.attemptSpent, released, answered, settles ? answer.reference : std::string(), answer.message,
               config.core);
}

/// Nothing was promised, so the core's no is the answer, not an accident: it leaves "accepted" in the decision log.
void logRefusal(const Sending& sending, const Answer& answer, pg::Timestamptz now) {
    static pg::Statement statement(
        "INSERT INTO standin_private.decision (ticket, account, decision, core, operation, key, amount, code, message, "
        "mode, epoch, decided_at)"
        " SELECT d.ticket, d.account, 'refused', d.core, d.operation, d.key, d.amount, '05', coalesce(nullif($3, ''), "
        "'refused by the core'),"
        "        d.mode, d.epoch, $4"
        "   FROM standin_private.decision d WHERE d.ticket = $1 AND d.account = $2 AND d.decision = 'forwarded'");
    statement.run(sending.ticket, sending.account, answer.message, now);
}

} // namespace

bool lockAccountNow(const std::string& core, const std::string& account) {
    static pg::Statement statement(
        "SELECT FROM standin_private.account WHERE account = $2 AND core = $1 FOR UPDATE SKIP LOCKED");
    return !statement.run(core, account).empty();
}

State recordOutcome(const CoreConfig& config, bool inquires, const Sending& sending, const Answer& answer) {
    const Present present = lockPresent(config, inquires, sending);
    const pg::Timestamptz now{kernel::now()};
    logAnswer(sending, present.answers + 1, answer, now);

    const State expected = sending.kind == CallKind::post ? State::inFlight : State::unknown;
    Next next{present.state};
    if (present.state == expected)
        next = sending.kind == CallKind::post ? afterPost(answer, present.situation)
                                              : afterInquiry(answer, present.situation);
    move(config, sending, present, next, answer, now);
    if (present.state == expected && next.state == State::rejected && !present.promised)
        logRefusal(sending, answer, now);
    kernel::wakeAtCommit(kernel::Channel::ticket);
    kernel::wakeAtCommit(kernel::Channel::replay); // the next one of the account may be its head now
    pg::call([] { ForceSyncCommit(); });
    return next.state;
}

Standing standing(int64_t ticket) {
    static pg::Statement statement("SELECT p.state, CASE WHEN p.state = 'declined' THEN d.code WHEN p.state = "
                                   "'rejected' AND NOT p.promised THEN '05' ELSE '00' END,"
                                   "       standin_private.state_message(p.state, p.promised, p.message)"
                                   "  FROM standin_private.pending_transaction p"
                                   "  LEFT JOIN standin_private.decision d ON d.ticket = p.ticket AND d.account = "
                                   "p.account AND d.decision <> 'refused'"
                                   " WHERE p.ticket = $1");
    const pg::Rows rows = statement.run(ticket);
    if (rows.empty())
        throw Error("42704", "ticket " + std::to_string(ticket) + " does not exist");
    const std::string state = rows[0].get<std::string>(0);
    return {stateByName(state), state, rows[0].optional<std::string>(1).value_or(""),
            rows[0].optional<std::string>(2).value_or("")};
}

} // namespace standin::core
