#include "standin/accept/balance_pg.h"

#include <map>
#include <memory>

#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/user_code.h"

extern "C" {
#include <access/relation.h>
#include <catalog/pg_class.h>
#include <catalog/pg_inherits.h>
#include <catalog/pg_type_d.h>
#include <utils/rel.h>
}

namespace standin::core {

namespace {

/// The table as it is now, and locked so until the end of the transaction: whoever owns it may have changed it since it
/// was bound. Its policies, types and index expressions are its owner's code, so it is read as its owner.
struct LockedTable {
    Oid reader;
    const char* name;
};

/// PostgreSQL code. The table with all that is read with it.
bool belongsToSuperusers(Oid target) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(target, AccessShareLock, nullptr)) {
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(cell)));
        if (!HeapTupleIsValid(tuple))
            return false;
        const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
        ReleaseSysCache(tuple);
        if (!superuser_arg(owner))
            return false;
    }
    return true;
}

LockedTable lockTable(Oid target) {
    const LockedTable table = pg::call([target] {
        Relation relation = try_relation_open(target, AccessShareLock);
        if (!relation)
            return LockedTable{InvalidOid, nullptr};
        const Form_pg_class form = relation->rd_rel;
        const bool plain = form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE;
        const LockedTable locked{
            plain ? form->relowner : InvalidOid,
            quote_qualified_identifier(get_namespace_name(form->relnamespace), NameStr(form->relname))};
        relation_close(relation, NoLock);
        return locked;
    });
    if (!OidIsValid(table.reader))
        throw Error("42809", "the balance table bound to the core is gone or no table any more", {},
                    "Bind the balances anew with standin.balance_bind.");
    if (pg::mayRunUserCode(table.reader))
        return table;
    // What belongs to a superuser needs no superuser to be read. Its partitions may be somebody else's.
    if (!pg::call([&] { return superuser_arg(table.reader) && belongsToSuperusers(target); }))
        throw Error("42501", std::string("balances are not read from table ") + table.name + " as its owner",
                    "Its owner, or that of a partition, is a role that user code does not run as, or another one.",
                    "Give the table and its partitions to one role that is no member of a superuser or of pg_standin.");
    return {pg::call([] { return get_role_oid(pg::ownerRole, false); }), table.name};
}

std::string quoted(const std::string& name) {
    return pg::call([&] { return quote_identifier(name.c_str()); });
}

/// Invalid if there is no such column. A type that somebody brought would run his code wherever a value is read,
/// written or compared; the table's owner may have changed the column since it was bound.
Oid columnType(const BalanceSource& source, const std::string& name) {
    const Oid type = pg::call([&] {
        const AttrNumber column = get_attnum(source.target, name.c_str());
        return column > 0 ? get_atttype(source.target, column) : InvalidOid;
    });
    if (OidIsValid(type) && !pg::isBuiltIn(type))
        throw Error("42804",
                    "column \"" + name + "\" of table " + tableName(source.target) + " is not of a built-in type",
                    "Balances are read from columns of built-in types only.",
                    "ALTER TABLE ... ALTER COLUMN ... TYPE, or bind the balances anew with standin.balance_bind.");
    return type;
}

[[noreturn]] void notAnAccount(const BalanceSource& source, const std::string& account, const std::string& why) {
    throw Error("22023", "account \"" + account + "\" cannot be one of table " + tableName(source.target), why,
                "Column \"" + source.accountColumn + "\" has another type.");
}

void requireSame(const BalanceSource& source, const std::string& account, const std::string& name) {
    if (account != name)
        throw Error("22023",
                    "account \"" + account + "\" is written \"" + name + "\" in table " + tableName(source.target),
                    "Two names of one account would have two locks and two sums of holds.");
}

/// Whether the table has the column now, of that type if there is one; what it has not is unknown.
bool isOf(const BalanceSource& source, const std::string& column, Oid type) {
    if (column.empty())
        return false;
    const Oid found = columnType(source, column);
    return OidIsValid(found) && (!OidIsValid(type) || found == type);
}

/// One kept plan for each distinct balance table of the session.
struct BalanceStatement {
    std::string sql;
    pg::Statement statement;
    explicit BalanceStatement(std::string query) : sql(std::move(query)), statement(sql.c_str()) {}
};

BalanceStatement& balanceStatement(const BalanceSource& source, const char* table, const std::string& wanted) {
    // Never freed: a kept plan lives as long as its session.
    static auto& statements = *new std::map<std::string, std::unique_ptr<BalanceStatement>>();
    const Oid type = columnType(source, source.accountColumn);
    for (const std::string& column : {source.accountColumn, source.balanceColumn})
        if (!OidIsValid(columnType(source, column)))
            throw Error("42703", "column \"" + column + "\" of table " + table + " does not exist", {},
                        "Bind the balances anew with standin.balance_bind.");
    // The comparison is the column's own type, so that its index serves.
    std::string sql = "SELECT " + wanted + ", " + quoted(source.accountColumn) + "::text FROM " + table + " WHERE " +
                      quoted(source.accountColumn) +
                      " = $1::" + pg::call([type] { return format_type_be_qualified(type); });
    auto& kept = statements[sql];
    if (!kept)
        kept = std::make_unique<BalanceStatement>(std::move(sql));
    return *kept;
}

} // namespace

std::string tableName(Oid target) {
    return pg::call([target] { return get_rel_name(target) ? get_rel_name(target) : "?"; });
}

void requireOwnName(const BalanceSource& source, const std::string& account) {
    const Oid type = columnType(source, source.accountColumn);
    // Text has one spelling; a column that compares in another way is caught where its balance is read.
    if (!OidIsValid(type) || type == TEXTOID || type == VARCHAROID)
        return;
    std::string name;
    try {
        name = pg::call([&] {
            Oid input, output, parameter;
            bool varlena;
            getTypeInputInfo(type, &input, &parameter);
            getTypeOutputInfo(type, &output, &varlena);
            char* text = pstrdup(account.c_str());
            return static_cast<const char*>(
                OidOutputFunctionCall(output, OidInputFunctionCall(input, text, parameter, -1)));
        });
    } catch (const pg::PgError& error) {
        if (error.sqlstate().starts_with("22"))
            notAnAccount(source, account, error.what());
        throw;
    }
    requireSame(source, account, name);
}

std::optional<AccountFacts> readAccount(const BalanceSource& source, const std::string& account,
                                        const WantedFacts& wanted) {
    const LockedTable table = lockTable(source.target);
    const bool asOf = wanted.asOf && isOf(source, source.asOfColumn, TIMESTAMPTZOID);
    const bool status = wanted.status && isOf(source, source.statusColumn, InvalidOid);
    const bool overdraft = wanted.overdraft && isOf(source, source.overdraftColumn, BOOLOID);
    const std::string columns = "trim_scale(" + quoted(source.balanceColumn) + "::numeric), " +
                                (asOf ? quoted(source.asOfColumn) : "NULL::timestamptz") + ", " +
                                (status ? quoted(source.statusColumn) + "::text" : "NULL::text") + ", " +
                                (overdraft ? quoted(source.overdraftColumn) : "NULL::boolean");
    const pg::RoleScope reader(table.reader);
    BalanceStatement& kept = balanceStatement(source, table.name, columns);
    try {
        const pg::Rows rows = kept.statement.run(account);
        if (rows.empty())
            return std::nullopt;
        const pg::Row row = rows[0];
        requireSame(source, account, row.get<std::string>(4));
        AccountFacts facts{row.optional<std::string>(0), std::nullopt, row.optional<std::string>(2),
                           row.optional<bool>(3)};
        if (!row.isNull(1) && !TIMESTAMP_NOT_FINITE(row.get<pg::Timestamptz>(1).microseconds))
            facts.asOf = row.get<pg::Timestamptz>(1).microseconds;
        return facts;
    } catch (const pg::PgError& error) {
        if (error.sqlstate().starts_with("22"))
            notAnAccount(source, account, error.what());
        throw;
    }
}

std::optional<int64_t> readWatermark(const BalanceSource& source, const std::string& column,
                                     const std::string& account) {
    const LockedTable table = lockTable(source.target);
    if (columnType(source, column) != TIMESTAMPTZOID)
        throw Error("42804", "column \"" + column + "\" of table " + table.name + " is not of type timestamptz", {},
                    "Holds are released by a watermark that can be compared with the time of a posting.");
    const pg::RoleScope reader(table.reader);
    const pg::Rows rows = balanceStatement(source, table.name, quoted(column)).statement.run(account);
    if (rows.empty() || rows[0].isNull(0))
        return std::nullopt;
    requireSame(source, account, rows[0].get<std::string>(1));
    const int64_t asOf = rows[0].get<pg::Timestamptz>(0).microseconds;
    return TIMESTAMP_NOT_FINITE(asOf) ? std::nullopt : std::optional(asOf); // "infinity" has passed nothing
}

} // namespace standin::core

// (target regclass, account_column text, account text)
STANDIN_FUNCTION(standin_account_name_require) {
    using namespace standin;
    const auto argument = [&](int number) {
        return std::string(pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); }));
    };
    core::requireOwnName({PG_GETARG_OID(0), argument(1), {}}, argument(2));
    PG_RETURN_VOID();
}

/// All balances of a bound table, read as its owner: for the view that shows them beside the holds.
STANDIN_FUNCTION(standin_balances_read) {
    using namespace standin;
    const auto argument = [&](int number) {
        return pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
    };
    const core::BalanceSource source{PG_GETARG_OID(0), argument(1), argument(2)};
    const std::string asOf = PG_ARGISNULL(3) ? "NULL" : core::quoted(argument(3));
    pg::call([fcinfo] { pg::materializeResult(fcinfo); });
    const core::LockedTable table = core::lockTable(source.target);
    for (const std::string& column : {source.accountColumn, source.balanceColumn})
        core::columnType(source, column);
    if (!PG_ARGISNULL(3))
        core::columnType(source, argument(3));
    const pg::RoleScope reader(table.reader);
    const pg::Spi spi;
    pg::execute("SELECT " + core::quoted(source.accountColumn) + "::text, " + core::quoted(source.balanceColumn) +
                "::numeric, " + asOf + "::text FROM " + table.name);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    pg::call([&] {
        for (uint64_t i = 0; i < SPI_tuptable->numvals; ++i)
            tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
    });
    PG_RETURN_VOID();
}
