#include "standin/reconcile/confirm_pg.h"

#include <algorithm>
#include <set>

#include "kernel/clock.h"
#include "kernel/confirmation.h"
#include "kernel/wake.h"
#include "pg/spi.h"

namespace standin::core {

namespace {

std::optional<kernel::ConfirmationTarget> find(uint32_t targetTable) {
    static pg::Statement statement(
        "SELECT id, key_column, account_column, amount_column FROM standin_private.reconciliation "
        "WHERE target = $1::oid::regclass");
    const pg::Rows rows = statement.run(static_cast<Oid>(targetTable));
    if (rows.empty())
        return std::nullopt;
    return kernel::ConfirmationTarget{rows[0].get<int64_t>(0), rows[0].get<std::string>(1),
                                      rows[0].optional<std::string>(2), rows[0].optional<std::string>(3)};
}

struct Booked {
    std::string core;
    std::vector<int64_t> tickets;
    std::vector<std::string> accounts; ///< of the tickets, place by place
};

/// Of the keys in a batch those that are ours and new, written to the event log.
Booked logEvents(int64_t binding, const std::vector<kernel::Arrival>& arrivals, pg::Timestamptz now) {
    static pg::Statement log(
        "INSERT INTO standin_private.core_event (core, key, ticket, account, reconciliation, seen_at, booked_account,"
        "                                        booked_amount)"
        " SELECT k.core, k.key, k.ticket, k.account, r.id, $3, nullif(a.account, ''),"
        "        abs(nullif(a.amount, '')::numeric)" // which sign is a debit's is the core's own affair
        "   FROM unnest($2, $4, $5) a (key, account, amount), standin_private.reconciliation r,"
        "        standin_private.transaction_key k"
        "  WHERE r.id = $1 AND k.core = r.core AND k.key = a.key"
        " ON CONFLICT (core, key) DO NOTHING RETURNING core, ticket, account",
        pg::Plan::ByIndex);
    std::vector<std::string> keys, accounts, amounts;
    for (const kernel::Arrival& arrival : arrivals) {
        keys.push_back(arrival.key);
        accounts.push_back(arrival.account.value_or(""));
        amounts.push_back(arrival.amount.value_or(""));
    }
    Booked booked;
    for (const pg::Row row : log.run(binding, keys, now, accounts, amounts)) {
        booked.core = row.get<std::string>(0);
        booked.tickets.push_back(row.get<int64_t>(1));
        booked.accounts.push_back(row.get<std::string>(2));
    }
    return booked;
}

/// Those of the accounts that no session has locked, which may last as long as it likes.
std::set<std::string> lockAccounts(const std::string& core, const std::vector<std::string>& accounts) {
    static pg::Statement statement(
        "SELECT account FROM standin_private.account WHERE core = $1 AND account = ANY ($2) FOR UPDATE SKIP LOCKED",
        pg::Plan::ByIndex);
    std::set<std::string> locked;
    for (const pg::Row row : statement.run(core, accounts))
        locked.insert(row.get<std::string>(0));
    return locked;
}

/// The core booked them: whatever the queue believed, they are done, and their holds go. States that contradict a
/// booking stay, and show as differences; so does what was booked on another account or with another amount. The
/// accounts are locked.
void reconcile(const std::vector<int64_t>& tickets, pg::Timestamptz now) {
    static pg::Statement statement(
        "WITH before AS (SELECT ticket, account, core, hold FROM standin_private.pending_transaction"
        "                 WHERE ticket = ANY ($1)"
        "                   AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'posted', 'repair')"
        "                   AND NOT EXISTS (SELECT FROM standin_private.core_event e"
        "                                    WHERE e.core = pending_transaction.core AND e.key = pending_transaction.key"
        "                                      AND (e.booked_account <> pending_transaction.account"
        "                                           OR e.booked_amount <> pending_transaction.amount))"
        "                   FOR UPDATE),"
        " p AS (UPDATE standin_private.pending_transaction p SET state = 'reconciled', hold = 0, due_at = NULL, "
        "changed_at = $2"
        "         FROM before b WHERE p.ticket = b.ticket AND p.account = b.account)"
        " UPDATE standin_private.account a SET held = a.held - h.hold"
        "   FROM (SELECT core, account, sum(hold) AS hold FROM before GROUP BY core, account) h"
        "  WHERE a.core = h.core AND a.account = h.account AND h.hold > 0",
        pg::Plan::ByIndex);
    statement.run(tickets, now);
    kernel::wakeAtCommit(kernel::Channel::ticket);
}

/// For the replay worker, in the commit that brings the bookings.
void setAside(int64_t binding, const Booked& booked, pg::Timestamptz now) {
    static pg::Statement statement(
        "INSERT INTO standin_private.confirmation (core, account, ticket, reconciliation, seen_at)"
        " SELECT $1, b.account, b.ticket, $4, $5 FROM unnest($2, $3) b (ticket, account) ON CONFLICT DO NOTHING");
    statement.run(booked.core, booked.tickets, booked.accounts, binding, now);
}

void confirm(int64_t binding, const std::vector<kernel::Arrival>& arrivals) {
    const pg::Timestamptz now{kernel::now()};
    const Booked booked = logEvents(binding, arrivals, now);
    if (booked.tickets.empty())
        return;
    const std::set<std::string> locked = lockAccounts(booked.core, booked.accounts);
    std::vector<int64_t> free;
    Booked waiting{.core = booked.core, .tickets = {}, .accounts = {}};
    for (size_t i = 0; i < booked.tickets.size(); ++i) {
        if (locked.contains(booked.accounts[i])) {
            free.push_back(booked.tickets[i]);
        } else {
            waiting.tickets.push_back(booked.tickets[i]);
            waiting.accounts.push_back(booked.accounts[i]);
        }
    }
    reconcile(free, now);
    if (!waiting.tickets.empty())
        setAside(binding, waiting, now);
    kernel::wakeAtCommit(kernel::Channel::replay);
}

} // namespace

bool Confirmations::settle(const std::string& core) {
    static pg::Statement waiting("SELECT account FROM standin_private.confirmation"
                                 " WHERE core = $1 AND account > $2 ORDER BY account, ticket LIMIT 1000",
                                 pg::Plan::ByIndex);
    static pg::Statement done(
        "DELETE FROM standin_private.confirmation WHERE core = $1 AND account = ANY ($2) RETURNING ticket",
        pg::Plan::ByIndex);
    std::vector<std::string> accounts;
    for (const pg::Row row : waiting.run(core, after_))
        accounts.push_back(row.get<std::string>(0));
    const bool fromStart = after_.empty();
    after_ = accounts.size() == 1000 ? accounts.back() : "";
    if (accounts.empty())
        return fromStart;
    const std::set<std::string> locked = lockAccounts(core, accounts);
    if (!locked.empty()) {
        std::vector<int64_t> tickets;
        for (const pg::Row row : done.run(core, std::vector<std::string>(locked.begin(), locked.end())))
            tickets.push_back(row.get<int64_t>(0));
        reconcile(tickets, pg::Timestamptz{kernel::now()});
    }
    return fromStart && after_.empty() &&
           std::all_of(accounts.begin(), accounts.end(), [&](const auto& one) { return locked.contains(one); });
}

void initConfirmation() { kernel::setConfirmer({.find = find, .confirm = confirm}); }

} // namespace standin::core
