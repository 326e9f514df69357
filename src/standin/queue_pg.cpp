#include "standin/queue_pg.h"

#include <algorithm>

#include "kernel/clock.h"
#include "kernel/wake.h"
#include "pg/spi.h"

namespace standin::core {

namespace {

struct Head {
    int64_t ticket;
    std::string account;
    State state;
    std::string operation;
    std::string key;
    std::string payload;
    int32_t modeId;
    int64_t epoch;
    Situation situation;
};

// A jump from account to account over the queue's index: its cost is the number of accounts with a backlog, whatever
// the length of each. The cursor makes it go round, so that nobody starves behind the bound.
constexpr const char* headsSql =
    "WITH RECURSIVE head AS ("
    " (SELECT ticket, account FROM standin_private.pending_transaction"
    "   WHERE core = $1 AND account > $2 AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')"
    "   ORDER BY account, ticket LIMIT 1)"
    " UNION ALL"
    " SELECT n.ticket, n.account FROM head h CROSS JOIN LATERAL ("
    "   SELECT ticket, account FROM standin_private.pending_transaction"
    "    WHERE core = $1 AND account > h.account AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', "
    "'repair')"
    "    ORDER BY account, ticket LIMIT 1) n)"
    " SELECT p.ticket, p.account, p.state, p.operation, p.key, p.payload, m.id, m.epoch, o.dedup, p.attempts,"
    "        coalesce(p.sent_at, p.accepted_at), p.promised, o.on_reject = 'hold', coalesce(p.due_at, "
    "'-infinity'::timestamptz)"
    "   FROM head h"
    "   JOIN standin_private.pending_transaction p ON p.ticket = h.ticket AND p.account = h.account"
    "   JOIN standin_private.operation o ON o.core = p.core AND o.operation = p.operation"
    "   JOIN standin_private.core_mode m ON m.core = p.core AND m.capability = p.capability"
    "  WHERE p.state IN ('accepted', 'retry_wait', 'unknown') AND p.ticket <> ALL ($4)"
    "    AND m.mode NOT IN ('stand_in', 'forced_stand_in') AND coalesce(p.due_at, '-infinity') <= $5"
    "  LIMIT $3";

Head readHead(const CoreConfig& config, bool inquires, const pg::Row& row) {
    const int64_t sinceSent = kernel::now() - row.get<pg::Timestamptz>(10).microseconds;
    return {.ticket = row.get<int64_t>(0),
            .account = row.get<std::string>(1),
            .state = stateByName(row.get<std::string>(2)),
            .operation = row.get<std::string>(3),
            .key = row.get<std::string>(4),
            .payload = row.get<std::string>(5),
            .modeId = row.get<int32_t>(6),
            .epoch = row.get<int64_t>(7),
            .situation = {.dedup = dedupByName(row.get<std::string>(8)),
                          .inquires = inquires,
                          .attempts = row.get<int32_t>(9),
                          .attemptsMaximum = config.attemptsMaximum,
                          .promised = row.get<bool>(11),
                          .holdOnReject = row.get<bool>(12),
                          .sinceSent = std::chrono::milliseconds(sinceSent / 1000),
                          .callTimeout = config.callTimeout,
                          .jitter = 0}};
}

std::vector<Head> scanHeads(const CoreConfig& config, bool inquires, const std::string& after, int limit,
                            const std::vector<int64_t>& busy) {
    static pg::Statement statement(headsSql);
    std::vector<Head> heads;
    for (const pg::Row row :
         statement.run(config.core, after, static_cast<int64_t>(limit), busy, pg::Timestamptz{kernel::now()}))
        heads.push_back(readHead(config, inquires, row));
    return heads;
}

bool setState(const Head& head, State state) {
    static pg::Statement statement(
        "UPDATE standin_private.pending_transaction SET state = $3, due_at = NULL, changed_at = $4"
        " WHERE ticket = $1 AND account = $2 AND state = $5");
    return statement.run(head.ticket, head.account, name(state), pg::Timestamptz{kernel::now()}, name(head.state))
               .affected() == 1;
}

bool takeForPosting(const Head& head) {
    static pg::Statement statement(
        "UPDATE standin_private.pending_transaction"
        "   SET state = 'in_flight', attempts = attempts + 1, sent_at = $3, changed_at = $3, due_at = NULL"
        " WHERE ticket = $1 AND account = $2 AND state IN ('accepted', 'retry_wait')");
    return statement.run(head.ticket, head.account, pg::Timestamptz{kernel::now()}).affected() == 1;
}

/// What is to be done about a head, done as far as the database goes; true if a call to the core follows.
bool take(const Head& head) {
    // A switch that commits first makes this transaction fail; one that commits later finds the call under way.
    noteDecision(head.modeId, head.epoch);
    if (head.state != State::unknown)
        return takeForPosting(head);
    switch (forUnknown(head.situation)) {
    case UnknownStep::inquire:
        return true;
    case UnknownStep::resend:
        setState(head, State::retryWait);
        kernel::wakeAtCommit(kernel::Channel::replay);
        return false;
    case UnknownStep::repair:
        setState(head, State::repair);
        kernel::wakeAtCommit(kernel::Channel::ticket);
        kernel::wakeAtCommit(kernel::Channel::prober);
        return false;
    }
    return false;
}

std::optional<int64_t> secondsToNextDue(const CoreConfig& config) {
    static pg::Statement statement(
        "SELECT ceil(extract(epoch FROM min(due_at) - $2))::bigint FROM standin_private.pending_transaction"
        " WHERE core = $1 AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')"
        "   AND state IN ('retry_wait', 'unknown') AND due_at > $2");
    return statement.run(config.core, pg::Timestamptz{kernel::now()})[0].optional<int64_t>(0);
}

} // namespace

void adoptOrphans(const CoreConfig& config, const std::vector<int64_t>& busy, bool& othersInFlight) {
    static pg::Statement inFlight(
        "SELECT ticket, account FROM standin_private.pending_transaction"
        " WHERE core = $1 AND state = 'in_flight' AND ticket <> ALL ($2) ORDER BY ticket LIMIT 1000");
    static pg::Statement lost(
        "UPDATE standin_private.pending_transaction"
        "   SET state = 'unknown', due_at = NULL, changed_at = $3, message = 'its sender died before the answer'"
        " WHERE ticket = $1 AND account = $2 AND state = 'in_flight'");
    othersInFlight = false;
    std::vector<std::pair<int64_t, std::string>> rows;
    for (const pg::Row row : inFlight.run(config.core, busy))
        rows.emplace_back(row.get<int64_t>(0), row.get<std::string>(1));
    for (const auto& [ticket, account] : rows) {
        if (SenderLock::nobodySends(ticket))
            lost.run(ticket, account, pg::Timestamptz{kernel::now()});
        else
            othersInFlight = true;
    }
}

Claimed claimHeads(const CoreConfig& config, bool inquires, int limit, const std::vector<int64_t>& busy) {
    static std::string& cursor = *new std::string();
    Claimed claimed;
    adoptOrphans(config, busy, claimed.othersInFlight);
    std::vector<Head> heads = scanHeads(config, inquires, cursor, limit, busy);
    if (static_cast<int>(heads.size()) < limit && !cursor.empty()) {
        // Round the corner: from the first account again.
        for (Head& head : scanHeads(config, inquires, "", limit, busy)) {
            const bool again =
                std::any_of(heads.begin(), heads.end(), [&](const Head& each) { return each.ticket == head.ticket; });
            if (!again && static_cast<int>(heads.size()) < limit)
                heads.push_back(std::move(head));
        }
    }
    claimed.more = static_cast<int>(heads.size()) == limit;
    cursor = claimed.more ? heads.back().account : "";
    for (Head& head : heads) {
        if (!take(head))
            continue;
        const CallKind kind = head.state == State::unknown ? CallKind::inquire : CallKind::post;
        claimed.claims.push_back(
            {.sending = {head.ticket,
                         head.account,
                         kind,
                         {std::move(head.operation), std::move(head.key), std::move(head.payload)}},
             .lock = SenderLock(head.ticket)});
    }
    if (!claimed.claims.empty())
        pg::call([] { ForceSyncCommit(); });
    else
        claimed.nextDueSeconds = secondsToNextDue(config);
    return claimed;
}

} // namespace standin::core
