#include "standin/replay/queue_pg.h"

#include <algorithm>

#include "kernel/clock.h"
#include "kernel/wake.h"
#include "pg/spi.h"
#include "standin/mode/mode_lock_pg.h"

namespace standin::core {

using std::chrono::milliseconds;

struct Queue::Capability {
    std::string name;
    int32_t modeId;
    int64_t epoch;
};

struct Queue::Head {
    int64_t ticket;
    std::string account;
    const Capability* capability;
};

namespace {

constexpr milliseconds lockedRetry{25};  // a head that somebody is changing just now
constexpr milliseconds watchOthers{500}; // while a session has something in flight, whose death nobody announces

/// What the core's own change events say of a transaction that is still queued.
enum class Booked : uint8_t {
    no,
    confirming, // as promised; it is done as soon as its account is free
    otherwise   // a person must look
};

/// A head, locked, with what is known of its transaction.
struct Transaction {
    State state;
    Booked booked;
    Request request;
    Situation situation;
};

/// The row of a head, unless somebody else is about to change it, or what the queue says of its account.
std::optional<Transaction> lockHead(const CoreConfig& config, bool inquires, int64_t ticket,
                                    const std::string& account) {
    static pg::Statement statement(
        "SELECT p.state, p.operation, p.key, p.payload, o.dedup, p.attempts, coalesce(p.sent_at, p.accepted_at),"
        "       p.promised, o.on_reject = 'hold',"
        "       EXISTS (SELECT FROM standin_private.core_event e WHERE e.core = p.core AND e.key = p.key),"
        "       EXISTS (SELECT FROM standin_private.confirmation c"
        "                WHERE c.core = p.core AND c.account = p.account AND c.ticket = p.ticket)"
        "  FROM standin_private.pending_transaction p"
        "  JOIN standin_private.operation o ON o.core = p.core AND o.operation = p.operation"
        "  JOIN standin_private.account_queue q ON q.core = p.core AND q.account = p.account"
        " WHERE p.ticket = $1 AND p.account = $2 FOR UPDATE OF p, q SKIP LOCKED",
        pg::Plan::ByIndex);
    const pg::Rows rows = statement.run(ticket, account);
    if (rows.empty())
        return std::nullopt;
    const pg::Row row = rows[0];
    const int64_t sinceSent = kernel::now() - row.get<pg::Timestamptz>(6).microseconds;
    const Booked booked = !row.get<bool>(9) ? Booked::no : row.get<bool>(10) ? Booked::confirming : Booked::otherwise;
    return Transaction{.state = stateByName(row.get<std::string>(0)),
                       .booked = booked,
                       .request = {row.get<std::string>(1), row.get<std::string>(2), row.get<std::string>(3)},
                       .situation = {.dedup = dedupByName(row.get<std::string>(4)),
                                     .inquires = inquires,
                                     .attempts = row.get<int32_t>(5),
                                     .attemptsMaximum = config.attemptsMaximum,
                                     .promised = row.get<bool>(7),
                                     .holdOnReject = row.get<bool>(8),
                                     .sinceSent = milliseconds(sinceSent / 1000),
                                     .callTimeout = config.callTimeout,
                                     .jitter = 0}};
}

void setState(int64_t ticket, const std::string& account, State state) {
    static pg::Statement statement(
        "UPDATE standin_private.pending_transaction SET state = $3, due_at = NULL, changed_at = $4"
        " WHERE ticket = $1 AND account = $2",
        pg::Plan::ByIndex);
    statement.run(ticket, account, name(state), pg::Timestamptz{kernel::now()});
}

void takeForPosting(int64_t ticket, const std::string& account) {
    static pg::Statement statement(
        "UPDATE standin_private.pending_transaction"
        "   SET state = 'in_flight', attempts = attempts + 1, sent_at = $3, changed_at = $3, due_at = NULL"
        " WHERE ticket = $1 AND account = $2",
        pg::Plan::ByIndex);
    statement.run(ticket, account, pg::Timestamptz{kernel::now()});
}

/// Sent now, it would be booked twice.
void repairBooked(int64_t ticket, const std::string& account) {
    static pg::Statement statement(
        "UPDATE standin_private.pending_transaction p SET state = $3, due_at = NULL, changed_at = $4,"
        "       message = 'the core has booked it already' || coalesce(' on account ' || e.booked_account, '')"
        "                 || coalesce(' with amount ' || e.booked_amount, '')"
        "                 || ', it is not sent again; see standin.difference_settle'"
        "  FROM standin_private.core_event e"
        " WHERE p.ticket = $1 AND p.account = $2 AND e.core = p.core AND e.key = p.key",
        pg::Plan::ByIndex);
    statement.run(ticket, account, name(State::repair), pg::Timestamptz{kernel::now()});
    kernel::wakeAtCommit(kernel::Channel::ticket);
    kernel::wakeAtCommit(kernel::Channel::prober);
}

/// What is to be done about a head, done as far as the database goes; true if a call to the core follows.
bool take(int64_t ticket, const std::string& account, const Transaction& transaction) {
    if (transaction.state == State::accepted || transaction.state == State::retryWait) {
        if (transaction.booked == Booked::otherwise)
            repairBooked(ticket, account);
        if (transaction.booked != Booked::no)
            return false;
        takeForPosting(ticket, account);
        return true;
    }
    if (transaction.state != State::unknown)
        return false;
    switch (forUnknown(transaction.situation)) {
    case UnknownStep::inquire:
        return true;
    case UnknownStep::resend:
        setState(ticket, account, State::retryWait);
        kernel::wakeAtCommit(kernel::Channel::replay);
        return false;
    case UnknownStep::repair:
        setState(ticket, account, State::repair);
        kernel::wakeAtCommit(kernel::Channel::ticket);
        kernel::wakeAtCommit(kernel::Channel::prober);
        return false;
    }
    return false;
}

/// What a change event has booked is not sent again, though a lock still keeps it from saying so itself.
constexpr const char* newSql =
    "SELECT ticket, account FROM standin_private.account_queue q"
    " WHERE core = $1 AND capability = $2 AND state = 'accepted' AND due_at = '-infinity' AND ticket > $3"
    "   AND NOT EXISTS (SELECT FROM standin_private.confirmation c WHERE c.core = $1 AND c.account = q.account)"
    " ORDER BY ticket LIMIT $4";
constexpr const char* dueSql =
    "SELECT ticket, account FROM standin_private.account_queue q"
    " WHERE core = $1 AND capability = $2 AND state = $3 AND due_at <= $4 AND ticket <> ALL ($5)"
    "   AND NOT EXISTS (SELECT FROM standin_private.confirmation c WHERE c.core = $1 AND c.account = q.account)"
    " ORDER BY due_at, ticket LIMIT $6";

using Found = std::vector<std::pair<int64_t, std::string>>;

void append(Found& found, const pg::Rows& rows) {
    for (const pg::Row row : rows)
        found.emplace_back(row.get<int64_t>(0), row.get<std::string>(1));
}

/// Heads that were sent before and whose time has come.
Found dueHeads(const std::string& core, const std::string& capability, int limit, const std::vector<int64_t>& busy) {
    static pg::Statement statement(dueSql, pg::Plan::ByIndex);
    Found found;
    for (const State state : {State::unknown, State::retryWait}) {
        const int64_t left = limit - static_cast<int64_t>(found.size());
        if (left > 0)
            append(found, statement.run(core, capability, name(state), pg::Timestamptz{kernel::now()}, busy, left));
    }
    return found;
}

void noteNextDue(const std::string& core, const std::string& capability, Claimed& claimed) {
    static pg::Statement statement(
        "SELECT ceil(extract(epoch FROM due_at - $4) * 1000)::bigint FROM standin_private.account_queue"
        " WHERE core = $1 AND capability = $2 AND state = $3 AND due_at > $4 ORDER BY due_at, ticket LIMIT 1",
        pg::Plan::ByIndex);
    for (const State state : {State::unknown, State::retryWait})
        for (const pg::Row row : statement.run(core, capability, name(state), pg::Timestamptz{kernel::now()}))
            claimed.lookAgainIn(std::max(milliseconds(row.get<int64_t>(0)), milliseconds(100)));
}

} // namespace

/// Accounts whose head was never sent, round by round in the order of tickets, so that nobody starves behind the bound.
/// Ahead of the round lies what is new; a new round passes what is gone since, and has its share of the time only.
std::vector<Queue::Head> Queue::newHeads(const CoreConfig& config, const Capability& capability, int limit,
                                         Claimed& claimed) {
    static pg::Statement statement(newSql, pg::Plan::ByIndex);
    Round& round = rounds_[capability.name];
    Found found;
    append(found, statement.run(config.core, capability.name, round.after, static_cast<int64_t>(limit)));
    const bool ahead = !found.empty();
    const int64_t before = round.after;
    if (ahead)
        round.after = found.back().first;
    const int64_t left = limit - static_cast<int64_t>(found.size());
    const auto now = Paced::Clock::now();
    if (left > 0 && before > 0 && !round.fromStart.due(now)) {
        claimed.lookAgainIn(round.fromStart.timeLeft(now));
    } else if (left > 0 && before > 0) {
        Found again;
        append(again, statement.run(config.core, capability.name, int64_t{0}, left));
        round.fromStart.looked(now, Paced::Clock::now());
        std::erase_if(again, [&](const auto& head) { return head.first > before; });
        if (static_cast<int64_t>(again.size()) == left)
            round.after = again.back().first;
        found.insert(found.end(), again.begin(), again.end());
    }
    if (static_cast<int>(found.size()) == limit)
        claimed.more = true;
    std::vector<Head> heads;
    for (auto& [ticket, account] : found)
        heads.push_back({ticket, std::move(account), &capability});
    return heads;
}

void Queue::find(const CoreConfig& config, const Capability& capability, Room& room, const std::vector<int64_t>& busy,
                 Claimed& claimed, std::vector<Head>& found) {
    const auto again = [&] {
        const int limit = std::min(room.all, room.again);
        if (limit <= 0)
            return;
        Found due = dueHeads(config.core, capability.name, limit, busy);
        for (auto& [ticket, account] : due)
            found.push_back({ticket, std::move(account), &capability});
        room.all -= static_cast<int>(due.size());
        room.again -= static_cast<int>(due.size());
        if (static_cast<int>(due.size()) == limit)
            claimed.more = true;
    };
    // Where one connection is free, new and old take turns.
    if (turn_ % 2 == 1)
        again();
    if (room.all > 0) {
        std::vector<Head> heads = newHeads(config, capability, room.all, claimed);
        room.all -= static_cast<int>(heads.size());
        found.insert(found.end(), std::make_move_iterator(heads.begin()), std::make_move_iterator(heads.end()));
    }
    if (turn_ % 2 == 0)
        again();
}

void Queue::adoptOrphans(const CoreConfig& config, const std::vector<int64_t>& busy, Claimed& claimed) {
    static pg::Statement inFlight(
        "SELECT q.ticket, q.account FROM standin_private.core_mode m, LATERAL ("
        "   SELECT ticket, account FROM standin_private.account_queue"
        "    WHERE core = m.core AND capability = m.capability AND state = 'in_flight' AND ticket <> ALL ($2)"
        "    ORDER BY due_at, ticket LIMIT 1000) q"
        " WHERE m.core = $1",
        pg::Plan::ByIndex);
    static pg::Statement lost(
        "UPDATE standin_private.pending_transaction p"
        "   SET state = 'unknown', due_at = NULL, changed_at = $3, message = 'its sender died before the answer'"
        "  FROM (SELECT p.ticket, p.account FROM standin_private.pending_transaction p"
        "          JOIN standin_private.account_queue q ON q.core = p.core AND q.account = p.account"
        "         WHERE p.ticket = $1 AND p.account = $2 AND p.state = $4 FOR UPDATE OF p, q SKIP LOCKED) free"
        " WHERE p.ticket = free.ticket AND p.account = free.account",
        pg::Plan::ByIndex);
    const auto begun = Paced::Clock::now();
    if (orphans_.due(begun)) {
        Found found;
        append(found, inFlight.run(config.core, busy));
        othersInFlight_ = false;
        for (const auto& [ticket, account] : found) {
            if (SenderLock::nobodySends(ticket))
                lost.run(ticket, account, pg::Timestamptz{kernel::now()}, name(State::inFlight));
            else
                othersInFlight_ = true;
        }
        orphans_.looked(begun, Paced::Clock::now());
    } else {
        claimed.lookAgainIn(orphans_.timeLeft(begun));
    }
    if (othersInFlight_)
        claimed.lookAgainIn(watchOthers);
}

Claimed Queue::claim(const CoreConfig& config, bool inquires, Room room, const std::vector<int64_t>& busy) {
    static pg::Statement modes("SELECT capability, id, epoch FROM standin_private.core_mode"
                               " WHERE core = $1 AND mode NOT IN ('stand_in', 'forced_stand_in') ORDER BY id");
    Claimed claimed;
    adoptOrphans(config, busy, claimed);
    std::vector<Capability> capabilities;
    for (const pg::Row row : modes.run(config.core))
        capabilities.push_back({row.get<std::string>(0), row.get<int32_t>(1), row.get<int64_t>(2)});

    ++turn_;
    std::vector<Head> heads;
    for (size_t i = 0; i < capabilities.size(); ++i)
        find(config, capabilities[(turn_ / 2 + i) % capabilities.size()], room, busy, claimed, heads);
    bool locked = false;
    for (Head& head : heads) {
        std::optional<Transaction> transaction = lockHead(config, inquires, head.ticket, head.account);
        if (!transaction) {
            locked = true;
            continue;
        }
        // A switch that commits first makes this transaction fail; one that commits later finds the call under way.
        noteDecision(head.capability->modeId, head.capability->epoch);
        if (!take(head.ticket, head.account, *transaction))
            continue;
        const bool asks = transaction->state == State::unknown;
        claimed.claims.push_back({.sending = {head.ticket, head.account, asks ? CallKind::inquire : CallKind::post,
                                              std::move(transaction->request)},
                                  .lock = SenderLock(head.ticket),
                                  .again = transaction->state != State::accepted});
    }
    if (!claimed.claims.empty()) {
        pg::call([] { ForceSyncCommit(); });
        return claimed;
    }
    for (const Capability& capability : capabilities)
        noteNextDue(config.core, capability.name, claimed);
    if (locked) {
        claimed.more = false;
        claimed.lookAgainIn(lockedRetry);
    }
    return claimed;
}

} // namespace standin::core
