#include "cdc/sql_writer_pg.h"

#include <algorithm>

#include "cdc/value.h"
#include "pg/spi.h"

extern "C" {
#include <utils/guc.h>
#include <utils/rel.h>
#include <utils/relcache.h>
}

namespace standin::cdc {

namespace {

bool isKey(const Target& target, size_t column) {
    return std::find(target.key.begin(), target.key.end(), column) != target.key.end();
}

} // namespace

void SqlWriter::forget() {
    statements_.clear();
    lookup_ = {};
    unkeyed_.forget();
}

SqlWriter::Statements& SqlWriter::statementsFor(TargetTable& table, const NetChange& change) {
    const Target& target = table.target();
    std::vector<bool> given;
    for (size_t i = 0; i < target.columns.size(); ++i)
        given.push_back(change.cells[i].given());
    const auto known = statements_.find(given);
    if (known != statements_.end())
        return known->second;

    std::vector<uint16_t> columns(target.key.begin(), target.key.end());
    std::string assignments, stored, wanted;
    for (size_t i = 0; i < target.columns.size(); ++i) {
        if (!given[i] || isKey(target, i))
            continue;
        const std::string name = quoted(target.columns[i].name);
        const std::string value = parameterAt(columns.size());
        assignments += (assignments.empty() ? "" : ", ") + name + " = " + value;
        stored += (stored.empty() ? "t." : ", t.") + name;
        wanted += (wanted.empty() ? "" : ", ") + value;
        columns.push_back(static_cast<uint16_t>(i));
    }
    const std::string condition = keyCondition(table, parameterAt);
    Statements statements;
    if (!assignments.empty())
        statements.update = TargetStatement(table, columns,
                                            "UPDATE " + table.name() + " AS t SET " + assignments + " WHERE " +
                                                condition + " AND ROW(" + stored +
                                                ")::record OPERATOR(pg_catalog.*<>) ROW(" + wanted + ")::record");
    statements.insert = TargetStatement(table, columns,
                                        insertStatement(table, columns) + " WHERE NOT EXISTS (SELECT FROM " +
                                            table.name() + " AS t WHERE " + condition + ")");
    statements.remove = TargetStatement(table, target.key, "DELETE FROM " + table.name() + " AS t WHERE " + condition);
    if (!lookup_)
        lookup_ = TargetStatement(table, target.key, "SELECT FROM " + table.name() + " AS t WHERE " + condition);
    return statements_.emplace(std::move(given), std::move(statements)).first->second;
}

void SqlWriter::write(TargetTable& table, const NetChange& change) {
    const Target& target = table.target();
    if (target.history || target.key.empty())
        return unkeyed_.write(table, change);
    const Statements& statements = statementsFor(table, change);
    const auto withheld = std::find_if(change.cells, change.cells + target.columns.size(),
                                       [](const Cell& cell) { return cell.kind == CellKind::Unavailable; });
    const bool complete = withheld == change.cells + target.columns.size();
    if (change.kind == ChangeKind::Delete || (change.kind == ChangeKind::Replace && complete))
        statements.remove.execute(table, change.cells);
    if (change.kind == ChangeKind::Delete)
        return;
    if (statements.update && statements.update.execute(table, change.cells) > 0)
        return;
    if (!complete) {
        if (lookup_.execute(table, change.cells) > 0)
            return; // the row is as the event says
        throw ValueError("22004", target.columns[static_cast<size_t>(withheld - change.cells)].name,
                         "the row does not exist and the event withholds the value");
    }
    statements.insert.execute(table, change.cells);
}

void SqlWriter::apply(TargetTable& table, std::span<const NetChange> changes, size_t& at) {
    if (generation_ != table.generation()) {
        forget();
        generation_ = table.generation();
    }
    // As a subscription applies rows: foreign keys are not checked, and triggers fire if they are ENABLE ALWAYS or
    // REPLICA. The caller's RoleScope undoes it.
    if (table.config().skipForeignKeys)
        pg::call([] {
            set_config_option("session_replication_role", "replica", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                              false);
        });
    // The table before may have left constraints immediate.
    if (table.hasDeferredTriggers())
        pg::call([] { SPI_execute("SET CONSTRAINTS ALL DEFERRED", false, 0); });
    for (size_t i = 0; i < changes.size(); ++i) {
        if (!table.hasTriggers())
            at = i;
        write(table, changes[i]);
    }
}

} // namespace standin::cdc
