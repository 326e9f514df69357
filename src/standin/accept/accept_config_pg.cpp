#include "standin/accept/accept_config_pg.h"

#include <map>

#include "pg/spi.h"
#include "standin/accept/rule_load_pg.h"

extern "C" {
#include <catalog/namespace.h>
#include <commands/trigger.h>
#include <utils/inval.h>
}

namespace standin::core {

namespace {

// Up to here the backlog is counted at each decision; above, the prober's last count is near enough.
constexpr int64_t countedCeiling = 1000;

[[noreturn]] void notDefined(const std::string& core, const std::string& operation) {
    static pg::Statement coreExists("SELECT FROM standin_private.core WHERE core = $1");
    if (coreExists.run(core).empty())
        throw Error("42704", "core \"" + core + "\" is not defined", {}, "Make it known with standin.core_create.");
    throw Error("42704", "operation \"" + operation + "\" of core \"" + core + "\" is not defined", {},
                "Declare it with standin.operation_create.");
}

bool keptIsValid = false;
Oid watchedTable = InvalidOid;

void onRelationChanged(Datum, Oid relation) {
    if (relation == watchedTable || relation == InvalidOid)
        keptIsValid = false;
}

/// Changes of the tables behind it arrive as an invalidation of table core: see standin_config_changed.
void watchChanges() {
    static bool registered = false;
    pg::call([] {
        watchedTable = get_relname_relid("core", get_namespace_oid("standin_private", false));
        if (!registered)
            CacheRegisterRelcacheCallback(onRelationChanged, 0);
        registered = true;
    });
}

} // namespace

static AcceptConfig load(const std::string& core, const std::string& operation) {
    static pg::Statement statement(
        "SELECT o.capability, o.account_field, o.amount_field, o.required, o.direction = 'debit', o.standin_allowed,"
        "       m.id, m.mode, m.epoch, m.episode, c.backlog_ceiling, m.backlog, c.time_zone,"
        "       b.target, b.account_column, b.balance_column, b.as_of_column, b.status_column, b.overdraft_column,"
        "       o.currency_field, c.currency, e.opened_at, n.rules, n.of_accounts, n.recent_count, n.recent_time"
        "  FROM standin_private.operation o"
        "  JOIN standin_private.core c ON c.core = o.core"
        "  JOIN standin_private.core_mode m ON m.core = o.core AND m.capability = o.capability"
        "  LEFT JOIN standin_private.balance_source b ON b.core = o.core"
        "  LEFT JOIN standin_private.episode e ON (e.core, e.capability, e.episode) = (m.core, m.capability, m.episode)"
        "  CROSS JOIN LATERAL"
        "   (SELECT count(*) AS rules, coalesce(bool_or(account <> '*'), false) AS of_accounts,"
        "           coalesce(max(maximum_count) FILTER (WHERE sliding), 0)::bigint AS recent_count,"
        "           coalesce(max(extract(epoch FROM CASE WHEN sliding THEN \"window\"::interval END)) * 1000000,"
        "                    0)::bigint AS recent_time"
        "      FROM (SELECT *, rule = 'velocity_count' AND \"window\" ~ '^[0-9]' AS sliding FROM standin_private.rule"
        "             WHERE core = $1) r) n"
        " WHERE o.core = $1 AND o.operation = $2");
    const pg::Rows rows = statement.run(core, operation);
    if (rows.empty())
        notDefined(core, operation);

    const pg::Row row = rows[0];
    AcceptConfig config{.capability = row.get<std::string>(0),
                        .format = {operation, Field(row.get<std::string>(1)), Field(row.get<std::string>(2)),
                                   requiredFields(row.get<std::string>(3)),
                                   row.isNull(19) ? Field() : Field(row.get<std::string>(19)),
                                   row.optional<std::string>(20).value_or("")},
                        .debit = row.get<bool>(4),
                        .standinAllowed = row.get<bool>(5),
                        .modeId = row.get<int32_t>(6),
                        .mode = modeByName(row.get<std::string>(7)),
                        .epoch = row.get<int64_t>(8),
                        .episode = row.optional<int64_t>(9),
                        .backlogCeiling = row.get<int64_t>(10),
                        .backlogSeen = row.get<int64_t>(11),
                        .timeZone = row.get<std::string>(12),
                        .balance = {},
                        .rules = {},
                        .grants = {}};
    if (!row.isNull(13))
        config.balance = BalanceSource{row.get<Oid>(13),
                                       row.get<std::string>(14),
                                       row.get<std::string>(15),
                                       row.optional<std::string>(16).value_or(""),
                                       row.optional<std::string>(17).value_or(""),
                                       row.optional<std::string>(18).value_or("")};
    if (!row.isNull(21))
        config.episodeSince = row.get<pg::Timestamptz>(21).microseconds;

    config.needs = {row.get<bool>(23), row.get<int64_t>(24), row.get<int64_t>(25)};
    if (row.get<int64_t>(22) > 0)
        config.rules = rulesOfAll(core, operation);
    config.grants = operationGrants(core);
    return config;
}

const AcceptConfig& acceptConfig(const std::string& core, const std::string& operation) {
    // Never freed: lives as long as its session.
    static auto& kept = *new std::map<std::pair<std::string, std::string>, AcceptConfig>();
    pg::call([] { AcceptInvalidationMessages(); }); // a long transaction takes no new locks that would bring them
    if (!keptIsValid) {
        kept.clear();
        watchChanges();
        keptIsValid = true; // before it is read: a change that arrives meanwhile must not be lost
    }
    const auto found = kept.find({core, operation});
    if (found != kept.end())
        return found->second;
    AcceptConfig config = load(core, operation);
    if (IsolationUsesXactSnapshot()) // as of this transaction's snapshot, which may be old: not for the next one
        keptIsValid = false;
    return kept.insert_or_assign({core, operation}, std::move(config)).first->second;
}

bool backlogFull(const std::string& core, const AcceptConfig& config) {
    static pg::Statement count(
        "SELECT count(*) FROM (SELECT FROM standin_private.pending_transaction"
        " WHERE core = $1 AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair') LIMIT $2) queued",
        pg::Plan::ByIndex);
    if (config.backlogCeiling > countedCeiling)
        return config.backlogSeen >= config.backlogCeiling;
    return count.run(core, config.backlogCeiling)[0].get<int64_t>(0) >= config.backlogCeiling;
}

} // namespace standin::core

/// Statement trigger of the tables that decisions are read from: at the commit, every session forgets what it kept.
STANDIN_FUNCTION(standin_config_changed) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw standin::Error("39P01", "function must be called as a trigger");
    standin::pg::call(
        [] { CacheInvalidateRelcacheByRelid(get_relname_relid("core", get_namespace_oid("standin_private", false))); });
    return PointerGetDatum(nullptr); // a trigger must not return SQL's null
}
