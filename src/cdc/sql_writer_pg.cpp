#include "cdc/sql_writer_pg.h"

#include <algorithm>

#include "pg/spi.h"

extern "C" {
#include <access/genam.h>
#include <catalog/pg_operator.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

namespace standin::cdc {

namespace {

std::string quoted(const std::string& name) {
    return pg::call([&] { return quote_identifier(name.c_str()); });
}

/// The equality of the index's operator class, named in full: search_path is pinned, and the type may be anybody's.
std::string equality(Oid family, Oid type) {
    const char* text = pg::call([=] {
        const Oid op = get_opfamily_member(family, type, type, BTEqualStrategyNumber);
        HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(op));
        if (!HeapTupleIsValid(tuple))
            elog(ERROR, "cache lookup failed for operator %u", op);
        const auto* form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
        char* name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
                              NameStr(form->oprname));
        ReleaseSysCache(tuple);
        return name;
    });
    return text;
}

std::string parameter(size_t index) { return "$" + std::to_string(index + 1); }

/// "t.k1 = $1 AND t.k2 = $2"
std::string keyCondition(TargetTable& table) {
    const Target& target = table.target();
    std::string condition;
    const Relation index = pg::call([&] { return index_open(table.keyIndex(), AccessShareLock); });
    for (size_t i = 0; i < target.key.size(); ++i)
        condition += (i ? " AND t." : "t.") + quoted(target.columns[target.key[i]].name) + " " +
                     equality(index->rd_opfamily[i], index->rd_opcintype[i]) + " " + parameter(i);
    pg::call([index] { index_close(index, NoLock); });
    return condition;
}

SPIPlanPtr prepare(TargetTable& table, const std::vector<uint16_t>& parameters, const std::string& sql) {
    SPIPlanPtr plan = pg::call([&] {
        auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * parameters.size()));
        int count = 0;
        for (const uint16_t column : parameters)
            types[count++] = table.columns()[column].type;
        SPIPlanPtr prepared = SPI_prepare(sql.c_str(), count, types);
        if (prepared)
            SPI_keepplan(prepared);
        return prepared;
    });
    if (!plan)
        throw Error("XX000", "could not prepare a statement for table " + table.name(), sql);
    return plan;
}

bool isKey(const Target& target, size_t column) {
    return std::find(target.key.begin(), target.key.end(), column) != target.key.end();
}

} // namespace

void SqlWriter::forget() {
    for (auto& [given, plans] : plans_)
        for (SPIPlanPtr plan : {plans.update, plans.insert, plans.remove})
            if (plan)
                SPI_freeplan(plan);
    if (lookup_)
        SPI_freeplan(lookup_);
    lookup_ = nullptr;
    plans_.clear();
}

SqlWriter::Plans& SqlWriter::plansFor(TargetTable& table, const NetChange& change) {
    const Target& target = table.target();
    std::vector<bool> given;
    for (size_t i = 0; i < target.columns.size(); ++i)
        given.push_back(change.cells[i].given());
    const auto known = plans_.find(given);
    if (known != plans_.end())
        return known->second;

    Plans plans;
    plans.parameters.assign(target.key.begin(), target.key.end());
    std::string assignments, stored, wanted, columns, values;
    for (size_t i = 0; i < target.key.size(); ++i) {
        columns += (i ? ", " : "") + quoted(target.columns[target.key[i]].name);
        values += (i ? ", " : "") + parameter(i);
    }
    for (size_t i = 0; i < target.columns.size(); ++i) {
        if (!given[i] || isKey(target, i))
            continue;
        const std::string name = quoted(target.columns[i].name);
        const std::string value = parameter(plans.parameters.size());
        assignments += (assignments.empty() ? "" : ", ") + name + " = " + value;
        stored += (stored.empty() ? "t." : ", t.") + name;
        wanted += (wanted.empty() ? "" : ", ") + value;
        columns += ", " + name;
        values += ", " + value;
        plans.parameters.push_back(static_cast<uint16_t>(i));
    }
    const std::string condition = keyCondition(table);
    if (!assignments.empty())
        plans.update =
            prepare(table, plans.parameters,
                    "UPDATE " + table.name() + " AS t SET " + assignments + " WHERE " + condition + " AND ROW(" +
                        stored + ")::record OPERATOR(pg_catalog.*<>) ROW(" + wanted + ")::record");
    plans.insert =
        prepare(table, plans.parameters,
                "INSERT INTO " + table.name() + " (" + columns + ") OVERRIDING SYSTEM VALUE SELECT " + values +
                    " WHERE NOT EXISTS (SELECT FROM " + table.name() + " AS t WHERE " + condition + ")");
    plans.remove = prepare(table, target.key, "DELETE FROM " + table.name() + " AS t WHERE " + condition);
    if (!lookup_)
        lookup_ = prepare(table, target.key, "SELECT FROM " + table.name() + " AS t WHERE " + condition);
    return plans_.emplace(std::move(given), std::move(plans)).first->second;
}

uint64_t SqlWriter::execute(TargetTable& table, SPIPlanPtr plan, const Plans& plans, const NetChange& change) {
    const int code = pg::call([&] {
        const int count = SPI_getargcount(plan);
        auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<size_t>(count)));
        auto* nulls = static_cast<char*>(palloc(static_cast<size_t>(count)));
        for (int i = 0; i < count; ++i) {
            const uint16_t column = plans.parameters[static_cast<size_t>(i)];
            bool isNull;
            values[i] = cellToDatum(table.columns()[column], change.cells[column], &isNull);
            nulls[i] = isNull ? 'n' : ' ';
        }
        return SPI_execute_plan(plan, values, nulls, false, 0);
    });
    if (code < 0)
        throw Error("XX000", "could not apply a change to table " + table.name() + ": " + SPI_result_code_string(code));
    return SPI_processed;
}

void SqlWriter::write(TargetTable& table, const NetChange& change) {
    const Plans& plans = plansFor(table, change);
    const Target& target = table.target();
    const auto withheld = std::find_if(change.cells, change.cells + target.columns.size(),
                                       [](const Cell& cell) { return cell.kind == CellKind::Unavailable; });
    const bool complete = withheld == change.cells + target.columns.size();
    if (change.kind == ChangeKind::Delete || (change.kind == ChangeKind::Replace && complete))
        execute(table, plans.remove, plans, change);
    if (change.kind == ChangeKind::Delete)
        return;
    if (plans.update && execute(table, plans.update, plans, change) > 0)
        return;
    if (!complete) {
        if (execute(table, lookup_, plans, change) > 0)
            return; // the row is as the event says
        throw ValueError("22004", target.columns[static_cast<size_t>(withheld - change.cells)].name,
                         "the row does not exist and the event withholds the value");
    }
    execute(table, plans.insert, plans, change);
}

void SqlWriter::apply(TargetTable& table, std::span<const NetChange> changes) {
    if (generation_ != table.generation()) {
        forget();
        generation_ = table.generation();
    }
    // The table before may have left constraints immediate.
    if (table.hasDeferredTriggers())
        pg::call([] { SPI_execute("SET CONSTRAINTS ALL DEFERRED", false, 0); });
    for (const NetChange& change : changes)
        write(table, change);
}

} // namespace standin::cdc
