#include "standin/accept/accept_pg.h"

#include "kernel/instance.h"
#include "kernel/wake.h"
#include "pg/own_table.h"
#include "pg/user_code.h"
#include "standin/accept/accept_config_pg.h"
#include "standin/accept/account_row_pg.h"
#include "standin/accept/decide_pg.h"
#include "standin/accept/key_digest_pg.h"
#include "standin/mode/mode_lock_pg.h"
#include "standin/outcome/account_queue_pg.h"
#include "standin/outcome/transaction_state.h"

extern "C" {
#include <catalog/namespace.h>
#include <commands/sequence.h>
#include <utils/fmgrprotos.h>
}

namespace standin::core {

namespace {

[[noreturn]] void keyTaken(const Submission& submission, const std::string& detail) {
    throw Error("SI001",
                "key \"" + submission.key + "\" of core \"" + submission.core + "\" was used with another payload",
                detail, "A key names one transaction for ever. Retries repeat operation and payload.");
}

Acceptance firstAnswer(int64_t ticket, const std::string& accountThen) {
    static pg::Statement first("SELECT decision, code, message FROM standin_private.decision"
                               " WHERE ticket = $1 AND account = $2 AND decision <> 'refused'",
                               pg::Plan::ByIndex);
    const pg::Rows decisions = first.run(ticket, accountThen); // the operation may have named another field then
    if (decisions.empty())
        throw Error("XX001", "ticket " + std::to_string(ticket) + " is missing in the decision log");
    const pg::Row row = decisions[0];
    const bool accepted = row.get<std::string>(0) != "declined";
    return Acceptance{.ticket = ticket,
                      .status = accepted ? processing.status : "declined",
                      .code = accepted ? processing.code : row.get<std::string>(1),
                      .message = row.get<std::string>(2),
                      .account = accountThen,
                      .payload = {},
                      .first = false};
}

/// The first answer to this key, if it was asked before.
std::optional<Acceptance> earlierAnswer(const Submission& submission, const PayloadFormat& format,
                                        const std::string& payload, const std::string& digest) {
    static pg::Statement taken("SELECT ticket, digest = $3, account, channel = $4 FROM standin_private.transaction_key"
                               " WHERE core = $1 AND key = $2",
                               pg::Plan::ByIndex);
    const pg::Rows keys = taken.run(submission.core, submission.key, pg::Bytea{digest}, submission.channel);
    if (keys.empty())
        return std::nullopt;
    if (!keys[0].get<bool>(3))
        keyTaken(submission, {});
    const int64_t ticket = keys[0].get<int64_t>(0);
    const std::string accountThen = keys[0].get<std::string>(2);
    if (!keys[0].get<bool>(1) &&
        !asksForTheSame(submission.core, submission.key, submission.operation, format, payload))
        keyTaken(submission, "It belongs to ticket " + std::to_string(ticket) + " of account \"" + accountThen + "\".");
    return firstAnswer(ticket, accountThen);
}

/// To a payload that the operation would not take any more, since it is defined otherwise: its retry is answered all
/// the same. "Malformed" would make the caller ask again, with another key.
std::optional<Acceptance> answerBeforeChange(const Submission& submission, const std::string& digest) {
    static pg::Statement taken(
        "SELECT k.ticket, k.account, k.channel = $3 AND (k.digest = $4 OR"
        "       coalesce(p.operation = $5 AND p.payload = $6, false))"
        "  FROM standin_private.transaction_key k LEFT JOIN standin_private.pending_transaction p"
        "    ON p.ticket = k.ticket AND p.account = k.account"
        " WHERE k.core = $1 AND k.key = $2",
        pg::Plan::ByIndex);
    const pg::Rows keys = taken.run(submission.core, submission.key, submission.channel, pg::Bytea{digest},
                                    submission.operation, pg::Typed{JSONBOID, submission.payload});
    if (keys.empty())
        return std::nullopt;
    if (!keys[0].get<bool>(2))
        keyTaken(submission, {});
    const int64_t ticket = keys[0].get<int64_t>(0);
    return firstAnswer(ticket, keys[0].get<std::string>(1));
}

/// Reads the payload, or answers as it was answered before.
std::optional<Acceptance> readOrAnswer(const Submission& submission, const PayloadFormat& format,
                                       const std::string& json, const std::string& digest, Payload& payload) {
    try {
        payload = readPayload(format, json);
        return std::nullopt;
    } catch (const Error&) {
        pg::call([] { ForceSyncCommit(); }); // the first answer may not be flushed yet
        if (auto answer = answerBeforeChange(submission, digest))
            return answer;
        throw;
    }
}

int64_t nextTicket() {
    return pg::call([] {
        const Oid schema = get_namespace_oid("standin_private", false);
        return nextval_internal(get_relname_relid("ticket", schema), false);
    });
}

/// Key, queue and its head, decision log and the account's counters.
int64_t write(const Submission& submission, const AcceptConfig& config, const Payload& payload,
              const std::string& digest, const Decision& decision, bool promised, const char* state, bool becomesHead,
              const AccountRow& account, const Moment& moment) {
    static pg::OwnTable keys("transaction_key", {"core", "key", "channel", "ticket", "account", "digest"});
    static pg::OwnTable queue("pending_transaction",
                              {"ticket", "account", "core", "capability", "operation", "key", "amount", "payload",
                               "promised", "epoch", "episode", "accepted_at", "changed_at", "sent_at", "state", "hold",
                               "attempts", "answers", "message"});
    static pg::OwnTable heads("account_queue", {"core", "account", "ticket", "capability", "state", "due_at"});
    static pg::OwnTable log("decision", {"ticket", "account", "decision", "core", "operation", "key", "amount", "code",
                                         "message", "mode", "epoch", "verdicts", "decided_at", "decided_by"});
    const pg::Timestamptz now{moment.now};
    const pg::Written amount{NUMERICOID, payload.amountText};
    const bool declined = !decision.accepted;
    const bool inFlight = std::string_view(state) == "in_flight";
    const bool holds = config.debit && !declined;
    const std::string verdicts = decision.verdicts.empty() ? "" : decision.verdictsJson();
    const int64_t ticket = nextTicket();
    keys.insert(submission.core, submission.key, submission.channel, ticket, payload.account, pg::Bytea{digest});
    queue.insert(ticket, payload.account, submission.core, config.capability, submission.operation, submission.key,
                 amount, pg::Typed{JSONBOID, submission.payload}, promised, config.epoch, config.episode, now, now,
                 inFlight ? std::optional(now) : std::nullopt, state, holds ? amount : pg::Written{NUMERICOID, "0"},
                 inFlight ? 1 : 0, 0, declined ? std::optional(decision.message) : std::nullopt);
    log.insert(ticket, payload.account,
               declined   ? "declined"
               : promised ? "accepted"
                          : "forwarded",
               submission.core, submission.operation, submission.key, amount, decision.code, decision.message,
               name(config.mode), config.epoch, verdicts.empty() ? std::nullopt : std::optional(pg::Jsonb{verdicts}),
               now, pg::nameOfActor(submission.caller));
    if (becomesHead)
        heads.insert(submission.core, payload.account, ticket, config.capability, state, pg::Timestamptz{DT_NOBEGIN});
    if (holds)
        charge(account, config, payload.amountText, promised, moment.day, moment.now);
    return ticket;
}

constexpr size_t keyMaximum = 255;

/// The caller's grant, and with it the namespace of his key.
void authorize(Submission& submission, const AcceptConfig& config) {
    submission.channel = channelFor(config.grants, submission.core, submission.operation, submission.caller);
    if (submission.channel.empty())
        requireNobodysKey(config.grants, submission.key);
    const std::string key = keyAtCore(submission.channel, submission.key);
    if (submission.key.empty() || key.size() > keyMaximum)
        throw Error(
            "22023",
            "the key must have 1 to " + std::to_string(keyMaximum - (key.size() - submission.key.size())) + " bytes",
            {}, "It is the idempotency key that the core sees: one for each transaction, the same for its retries.");
}

/// Channels are given and taken away: a retry of what the caller asked for in another one is not a second transaction.
void requireNotAskedElsewhere(const Submission& submission, const AcceptConfig& config, const std::string& key,
                              const std::string& payload, const std::string& digest) {
    static pg::Statement statement("SELECT k.channel, k.key, k.digest = $4 FROM unnest($2, $3) other (key, channel)"
                                   " JOIN standin_private.transaction_key k ON k.core = $1 AND k.key = other.key"
                                   "  AND k.channel = other.channel");
    std::vector<std::string> keys, channels;
    for (const std::string& channel : channelsOf(config.grants, submission.caller)) {
        if (channel != submission.channel) {
            channels.push_back(channel);
            keys.push_back(keyAtCore(channel, key));
        }
    }
    if (channels.empty() || pg::call([&] { return superuser_arg(submission.caller); })) // a superuser has them all
        return;
    struct Taken {
        std::string channel, key;
        bool same;
    };
    std::vector<Taken> taken; // what a statement returned lasts until the next one
    for (const pg::Row row : statement.run(submission.core, keys, channels, pg::Bytea{digest}))
        taken.push_back({row.get<std::string>(0), row.get<std::string>(1), row.get<bool>(2)});
    for (const Taken& each : taken)
        if (each.same || asksForTheSame(submission.core, each.key, submission.operation, config.format, payload))
            throw Error("SI001",
                        "key \"" + key + "\" was used for the same transaction in channel \"" + each.channel + '"',
                        "The caller's channel is \"" + submission.channel + "\" now.",
                        "Ask for it with standin.transaction_status; a new transaction needs a new key.");
}

} // namespace

Acceptance accept(Submission& submission) {
    const AcceptConfig& config = acceptConfig(submission.core, submission.operation);
    const std::string ownKey = submission.key;
    authorize(submission, config);
    submission.key = keyAtCore(submission.channel, ownKey);
    const std::string json =
        pg::call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, submission.payload)); });
    const std::string digest = digestOf(submission.operation, json);
    Payload payload;
    if (auto answer = readOrAnswer(submission, config.format, json, digest, payload))
        return *answer;

    // The account's row first; what is read after that is read by a later snapshot.
    const AccountRow account = lockOrCreateAccount(submission.core, payload.account);
    pg::call([] { ForceSyncCommit(); }); // also for a repeated answer: the first may not be flushed yet
    if (auto answer = earlierAnswer(submission, config.format, json, digest))
        return *answer;
    requireNotAskedElsewhere(submission, config, ownKey, json, digest);
    if (config.balance)
        requireOwnName(*config.balance, payload.account);
    kernel::requireAdopted(); // a copy that nobody adopted promises nothing

    const bool promised = decides(config.mode);
    const Moment moment = momentAt(config);
    const Decision decision =
        promised ? decideInStandIn(submission.core, config, payload, account, moment) : Decision{};
    const bool becomesHead = decision.accepted && !hasBacklog(submission.core, payload.account);
    const bool toSend = submission.beginCall && !promised && becomesHead && submission.beginCall();
    const char* state = !decision.accepted ? "declined" : toSend ? "in_flight" : "accepted";

    noteDecision(config.modeId, config.epoch);
    Acceptance acceptance{.ticket = 0,
                          .status = decision.accepted ? processing.status : "declined",
                          .code = decision.accepted ? processing.code : decision.code,
                          .message = decision.message,
                          .account = payload.account,
                          .payload = json,
                          .first = true,
                          .toSend = toSend};
    try {
        acceptance.ticket = write(submission, config, payload, digest, decision, promised && decision.accepted, state,
                                  becomesHead, account, moment);
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
