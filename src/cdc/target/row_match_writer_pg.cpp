#include "cdc/target/row_match_writer_pg.h"

#include "pg/spi.h"

extern "C" {
#include <catalog/pg_type_d.h>
#include <utils/typcache.h>
}

namespace standin::cdc {

namespace {

enum : uint8_t { skipped, null, value };

std::vector<bool> givenColumns(const Target& target, const Cell* cells) {
    std::vector<bool> given;
    for (size_t i = 0; i < target.columns.size(); ++i)
        given.push_back(cells[i].given() && target.columns[i].writable);
    return given;
}

std::vector<uint16_t> positionsOf(const std::vector<bool>& given) {
    std::vector<uint16_t> positions;
    for (size_t i = 0; i < given.size(); ++i)
        if (given[i])
            positions.push_back(static_cast<uint16_t>(i));
    return positions;
}

/// Equality as the type has it, so that an index can serve; by text for types that have none (json, xml, point).
std::string equals(Oid type, const std::string& left, const std::string& right) {
    const Oid op = pg::call([type] { return lookup_type_cache(type, TYPECACHE_EQ_OPR)->eq_opr; });
    if (OidIsValid(op))
        return left + " " + operatorName(op) + " " + right;
    return left + "::pg_catalog.text OPERATOR(pg_catalog.=) " + right + "::pg_catalog.text";
}

} // namespace

void RowMatchWriter::forget() {
    inserts_.clear();
    updates_.clear();
    finds_.clear();
    delete_ = {};
}

void RowMatchWriter::insert(TargetTable& table, const NetChange& change) {
    const std::vector<bool> given = givenColumns(table.target(), change.cells);
    TargetStatement& statement = inserts_[given];
    if (!statement) {
        const std::vector<uint16_t> columns = positionsOf(given);
        statement = TargetStatement(table, columns, insertStatement(table, columns));
    }
    statement.execute(table, change.cells);
}

TargetStatement RowMatchWriter::findStatement(TargetTable& table, const std::vector<uint8_t>& kinds) const {
    std::vector<uint16_t> columns;
    std::string condition;
    for (size_t i = 0; i < kinds.size(); ++i) {
        if (kinds[i] == skipped)
            continue;
        const std::string name = "m." + quoted(table.target().columns[i].name);
        condition += condition.empty() ? " WHERE " : " AND ";
        if (kinds[i] == null) {
            condition += name + " IS NULL";
        } else {
            condition += equals(table.columns()[i].baseType, name, parameterAt(columns.size()));
            columns.push_back(static_cast<uint16_t>(i));
        }
    }
    return TargetStatement(
        table, columns, "SELECT m.tableoid, m.ctid FROM " + table.name() + " AS m" + condition + " LIMIT 1 FOR UPDATE");
}

std::optional<RowMatchWriter::Match> RowMatchWriter::find(TargetTable& table, const Cell* before) {
    const Target& target = table.target();
    std::vector<uint8_t> kinds;
    bool any = false;
    for (size_t i = 0; i < target.columns.size(); ++i) {
        const Cell& cell = before[i];
        kinds.push_back(!cell.given() || !target.columns[i].writable ? skipped
                        : cell.kind == CellKind::Null                ? null
                                                                     : value);
        any = any || kinds.back() != skipped;
    }
    if (!any)
        throw Error("22023", "the event says nothing of the row before, and table " + table.name() + " has no key");
    TargetStatement& statement = finds_[kinds];
    if (!statement)
        statement = findStatement(table, kinds);
    if (statement.execute(table, before) == 0)
        return std::nullopt;
    return pg::call([] {
        bool isNull;
        const HeapTuple tuple = SPI_tuptable->vals[0];
        const TupleDesc descriptor = SPI_tuptable->tupdesc;
        return Match{DatumGetObjectId(SPI_getbinval(tuple, descriptor, 1, &isNull)),
                     *reinterpret_cast<ItemPointer>(DatumGetPointer(SPI_getbinval(tuple, descriptor, 2, &isNull)))};
    });
}

void RowMatchWriter::write(TargetTable& table, const NetChange& change) {
    if (change.kind == ChangeKind::Append)
        return insert(table, change);
    if (!change.before)
        throw Error("22023",
                    "the event does not carry the row before, and table " + table.name() + " has no primary key", {},
                    "ALTER TABLE ... REPLICA IDENTITY FULL at the source, or give the target a primary key.");
    auto found = find(table, change.before);
    if (!found)
        return change.kind == ChangeKind::Delete ? void() : insert(table, change);
    const Oid further[] = {TIDOID, OIDOID};
    const Datum place[] = {PointerGetDatum(&found->row), ObjectIdGetDatum(found->table)};
    const auto where = [](size_t index) {
        return " WHERE t.ctid OPERATOR(pg_catalog.=) " + parameterAt(index) +
               " AND t.tableoid OPERATOR(pg_catalog.=) " + parameterAt(index + 1);
    };
    if (change.kind == ChangeKind::Delete) {
        if (!delete_)
            delete_ = TargetStatement(table, {}, "DELETE FROM " + table.name() + " AS t" + where(0), further);
        delete_.execute(table, change.cells, place);
        return;
    }
    const auto& columns = table.target().columns;
    std::vector<bool> given = givenColumns(table.target(), change.cells);
    for (size_t i = 0; i < columns.size(); ++i) // no UPDATE may set an identity, not even to what it is
        given[i] = given[i] && !(columns[i].identity && sameCell(columns[i], change.before[i], change.cells[i]));
    TargetStatement& update = updates_[given];
    if (!update) {
        const std::vector<uint16_t> positions = positionsOf(given);
        std::string assignments;
        for (size_t i = 0; i < positions.size(); ++i)
            assignments += (i ? ", " : "") + quoted(columns[positions[i]].name) + " = " + parameterAt(i);
        update = TargetStatement(
            table, positions, "UPDATE " + table.name() + " AS t SET " + assignments + where(positions.size()), further);
    }
    update.execute(table, change.cells, place);
}

} // namespace standin::cdc
