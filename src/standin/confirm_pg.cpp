#include "standin/confirm_pg.h"

#include "kernel/clock.h"
#include "kernel/confirmation.h"
#include "kernel/wake.h"
#include "pg/spi.h"

namespace standin::core {

namespace {

std::optional<kernel::ConfirmationTarget> find(uint32_t targetTable) {
    static pg::Statement statement(
        "SELECT id, key_column FROM standin_private.reconciliation WHERE target = $1::oid::regclass");
    const pg::Rows rows = statement.run(static_cast<Oid>(targetTable));
    if (rows.empty())
        return std::nullopt;
    return kernel::ConfirmationTarget{rows[0].get<int64_t>(0), rows[0].get<std::string>(1)};
}

/// Of the keys in a batch those that are ours: written to the event log, with their accounts locked in the order that
/// everybody uses who locks several.
std::vector<int64_t> logEvents(int64_t binding, const std::vector<std::string>& keys, pg::Timestamptz now) {
    static pg::Statement lockAccounts("SELECT FROM standin_private.account a WHERE (a.core, a.account) IN ("
                                      "   SELECT k.core, k.account FROM standin_private.transaction_key k JOIN "
                                      "standin_private.reconciliation r ON r.core = k.core"
                                      "    WHERE r.id = $1 AND k.key = ANY ($2))"
                                      " ORDER BY a.account COLLATE \"C\" FOR UPDATE");
    static pg::Statement log(
        "INSERT INTO standin_private.core_event (core, key, ticket, account, reconciliation, seen_at)"
        " SELECT k.core, k.key, k.ticket, k.account, r.id, $3"
        "   FROM standin_private.transaction_key k JOIN standin_private.reconciliation r ON r.core = k.core"
        "  WHERE r.id = $1 AND k.key = ANY ($2)"
        " ON CONFLICT (core, key) DO NOTHING RETURNING ticket");
    lockAccounts.run(binding, keys);
    std::vector<int64_t> tickets;
    for (const pg::Row row : log.run(binding, keys, now))
        tickets.push_back(row.get<int64_t>(0));
    return tickets;
}

/// The core booked them: whatever the queue believed, they are done, and their holds go in the commit that brings the
/// bookings. States that contradict a booking stay, and show as differences.
void reconcile(const std::vector<int64_t>& tickets, pg::Timestamptz now) {
    static pg::Statement statement(
        "WITH before AS (SELECT ticket, account, core, hold FROM standin_private.pending_transaction"
        "                 WHERE ticket = ANY ($1)"
        "                   AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'posted', 'repair') FOR "
        "UPDATE),"
        " p AS (UPDATE standin_private.pending_transaction p SET state = 'reconciled', hold = 0, due_at = NULL, "
        "changed_at = $2"
        "         FROM before b WHERE p.ticket = b.ticket AND p.account = b.account)"
        " UPDATE standin_private.account a SET held = a.held - h.hold"
        "   FROM (SELECT core, account, sum(hold) AS hold FROM before GROUP BY core, account) h"
        "  WHERE a.core = h.core AND a.account = h.account AND h.hold > 0");
    statement.run(tickets, now);
}

void confirm(int64_t binding, const std::vector<std::string>& keys) {
    const pg::Timestamptz now{kernel::now()};
    const std::vector<int64_t> tickets = logEvents(binding, keys, now);
    if (tickets.empty())
        return;
    reconcile(tickets, now);
    kernel::wakeAtCommit(kernel::Channel::ticket);
    kernel::wakeAtCommit(kernel::Channel::replay);
}

} // namespace

void initConfirmation() { kernel::setConfirmer({.find = find, .confirm = confirm}); }

} // namespace standin::core
