#include "standin/reconcile/hold_release_pg.h"

#include <optional>

#include "kernel/clock.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "standin/accept/balance_pg.h"
#include "standin/outcome/outcome_pg.h"

namespace standin::core {

namespace {

// The watermark is of the core's clock, the end of the call of ours: they may differ by less than this. An error in
// this direction only keeps a hold for longer.
constexpr int64_t margin = 5000000;

struct Watermark {
    BalanceSource source;
    std::string column;
};

std::optional<Watermark> watermarkOf(const std::string& core) {
    static pg::Statement statement(
        "SELECT b.target, b.account_column, b.balance_column, b.as_of_column"
        "  FROM standin_private.core c JOIN standin_private.balance_source b ON b.core = c.core"
        " WHERE c.core = $1 AND c.hold_release = 'watermark' AND b.as_of_column IS NOT NULL");
    const pg::Rows rows = statement.run(core);
    if (rows.empty())
        return std::nullopt;
    return Watermark{{rows[0].get<Oid>(0), rows[0].get<std::string>(1), rows[0].get<std::string>(2)},
                     rows[0].get<std::string>(3)};
}

/// What was posted before `before` is in the balance. The account is locked.
void release(const std::string& core, const std::string& account, int64_t before) {
    static pg::Statement statement(
        "WITH h AS (DELETE FROM standin_private.posted_hold WHERE core = $1 AND account = $2 AND posted_at < $3"
        "           RETURNING ticket),"
        " held AS (SELECT p.ticket, p.hold FROM h JOIN standin_private.pending_transaction p"
        "              ON p.ticket = h.ticket AND p.account = $2 WHERE p.state = 'posted' FOR UPDATE OF p),"
        " p AS (UPDATE standin_private.pending_transaction p SET hold = 0, changed_at = $4"
        "         FROM held WHERE p.ticket = held.ticket AND p.account = $2)"
        " UPDATE standin_private.account a SET held = a.held - s.hold FROM (SELECT sum(hold) AS hold FROM held) s"
        "  WHERE a.core = $1 AND a.account = $2 AND s.hold > 0",
        pg::Plan::ByIndex);
    statement.run(core, account, pg::Timestamptz{before}, pg::Timestamptz{kernel::now()});
}

} // namespace

void HoldRelease::sweep(const std::string& core) {
    static pg::Statement next("SELECT account FROM standin_private.posted_hold WHERE core = $1 AND account > $2"
                              " ORDER BY account, ticket LIMIT 1",
                              pg::Plan::ByIndex);
    constexpr int accountsMaximum = 200;
    const auto begun = Paced::Clock::now();
    if (!pace_.due(begun))
        return;
    const std::optional<Watermark> watermark = watermarkOf(core);
    if (!watermark)
        return;
    // Whoever has locked the balance table keeps nothing waiting here.
    pg::setInScope("lock_timeout", "100ms");
    for (int i = 0; i < accountsMaximum; ++i) {
        const pg::Rows rows = next.run(core, after_);
        after_ = rows.empty() ? "" : rows[0].get<std::string>(0);
        if (rows.empty())
            break;
        if (!lockAccountNow(core, after_))
            continue;
        if (const auto asOf = readWatermark(watermark->source, watermark->column, after_))
            release(core, after_, *asOf - margin);
    }
    pace_.looked(begun, Paced::Clock::now());
}

} // namespace standin::core
