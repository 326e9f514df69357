#include "cdc/apply/key_change_pg.h"

#include <algorithm>
#include <functional>

#include "cdc/mapping/mask.h"
#include "cdc/target/statement_pg.h"
#include "cdc/value/placeholder.h"
#include "pg/lock.h"
#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

/// Two workers may have the halves of one change at once. The second has to see what the first leaves, so it waits for
/// its commit.
void oneAfterTheOther(const TargetTable& table) {
    const LOCKTAG tag = pg::ownLockTag(pg::OwnLock::KeyChange, table.relation(), 0);
    pg::call([&tag] { LockAcquire(&tag, ExclusiveLock, false, false); });
}

std::optional<bool> keysWait; ///< of the source that this process works for

bool isWithholdable(const Target& target, size_t column) {
    if (!target.columns[column].writable || target.isKey(column))
        return false;
    switch (target.columns[column].type) {
    case ColumnType::Numeric:
    case ColumnType::Text:
    case ColumnType::Char:
    case ColumnType::Bytea:
    case ColumnType::Bit:
    case ColumnType::Varbit:
    case ColumnType::Hstore:
    case ColumnType::Array:
    case ColumnType::Other:
        return true;
    default:
        return false;
    }
}

std::string textOfKey(TargetTable& table, const Cell* cells) {
    std::string text;
    for (const uint16_t column : table.target().key)
        text += (text.empty() ? "" : ",") + quotedLiteral(table.textOf(column, cells).value_or(""));
    return text;
}

std::vector<std::string> valuesOfKey(TargetTable& table, const Cell* cells) {
    std::vector<std::string> values;
    for (const uint16_t column : table.target().key)
        values.push_back(table.textOf(column, cells).value_or(""));
    return values;
}

/// As a literal of it is cast: a column of a composite type gives an untyped literal no type.
std::string typeName(Oid type) {
    return pg::call(
        [type] { return format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY); });
}

/// By literals; in this rare case a plan is not kept.
std::string keyCondition(TargetTable& table, const std::vector<std::string>& values) {
    std::string condition;
    for (size_t i = 0; i < table.target().key.size() && i < values.size(); ++i) {
        const uint16_t column = table.target().key[i];
        condition += (i ? " AND t." : "t.") + quoted(table.target().columns[column].name) + " = " +
                     quotedLiteral(values[i]) + "::" + typeName(table.columns()[column].type);
    }
    return condition;
}

bool hasKey(const Target& target, const Cell* cells) {
    return cells && std::all_of(target.key.begin(), target.key.end(),
                                [&](uint16_t column) { return cells[column].kind > CellKind::Null; });
}

size_t firstWithheld(const Target& target, const Cell* cells) {
    const Cell* end = cells + target.columns.size();
    const auto isWithheld = [](const Cell& cell) { return cell.kind == CellKind::Unavailable; };
    return static_cast<size_t>(std::find_if(cells, end, isWithheld) - cells);
}

bool isHash(std::string_view text) {
    if (text.starts_with("\\x"))
        text.remove_prefix(2);
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

/// A row may be from before its column became confidential. A mask leaves what it masked as it is; what cannot be a
/// hash is left out, as it is not known hashed (a clear value that looks like one passes for it).
std::string masked(const TableConfig& config, std::string stored) {
    static pg::Statement valueOf("select $1 ->> $2");
    static pg::Statement put("select jsonb_set($1, array[$2], coalesce(to_jsonb($3), 'null'), false)::text");
    static pg::Statement leaveOut("select ($1 - $2)::text");
    for (const ColumnMapping& mapping : config.columns) {
        if (!mapping.hides())
            continue;
        const auto value = valueOf.run(pg::Jsonb{stored}, mapping.name)[0].optional<std::string>(0);
        if (!value)
            continue;
        if (mapping.kind == ColumnMapping::Kind::Mask)
            stored =
                put.run(pg::Jsonb{stored}, mapping.name, Mask(mapping.argument).apply(*value))[0].get<std::string>(0);
        else if (!isHash(*value))
            stored = leaveOut.run(pg::Jsonb{stored}, mapping.name)[0].get<std::string>(0);
    }
    return stored;
}

/// What the row with this key stores in columns that can be withheld, as a JSON object of texts; nothing if there is no
/// such row.
std::optional<std::string> storedValues(TargetTable& table, const Cell* key) {
    std::string names, values;
    for (size_t i = 0; i < table.target().columns.size(); ++i)
        if (isWithholdable(table.target(), i)) {
            names += (names.empty() ? "" : ", ") + quotedLiteral(table.target().columns[i].name);
            values += (values.empty() ? "t." : ", t.") + quoted(table.target().columns[i].name) + "::text";
        }
    const auto found = [&]() -> std::optional<std::string> {
        const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // the table's policies may do what they like
        const pg::Rows rows =
            pg::execute("SELECT jsonb_object(ARRAY[" + names + "], ARRAY[" + values + "])::text FROM " + table.name() +
                        " AS t WHERE " + keyCondition(table, valuesOfKey(table, key)));
        return rows.empty() ? std::nullopt : std::optional(rows[0].get<std::string>(0));
    }();
    return found ? std::optional(masked(table.config(), *found)) : std::nullopt;
}

void fill(const TargetTable& table, const std::string& stored, Cell* cells, Arena& arena) {
    static pg::Statement each("select key, value from jsonb_each_text($1)");
    const auto& columns = table.target().columns;
    for (const pg::Row row : each.run(pg::Jsonb{stored})) {
        const std::string name = row.get<std::string>(0);
        const auto column =
            std::find_if(columns.begin(), columns.end(), [&](const TargetColumn& one) { return one.name == name; });
        if (column == columns.end())
            continue; // dropped since
        Cell& cell = cells[column - columns.begin()];
        if (cell.kind != CellKind::Unavailable)
            continue;
        if (const auto text = row.optional<std::string>(1))
            cell = textCell(arena.copy(*text));
        else
            cell.kind = CellKind::Null;
    }
}

} // namespace

bool mayWithhold(const Target& target) {
    for (size_t i = 0; i < target.columns.size(); ++i)
        if (isWithholdable(target, i))
            return true;
    return false;
}

bool withholds(const Target& target, const Cell* cells) {
    return firstWithheld(target, cells) != target.columns.size();
}

bool keyChangesWait(const std::string& source) {
    static pg::Statement any("select exists (select from standin_private.cdc_key_change where source = $1)");
    if (!keysWait)
        keysWait = any.run(source)[0].get<bool>(0);
    return *keysWait;
}

void keyLeaves(const KeyChange& change, const Cell* oldKey) {
    static pg::Statement remember(
        "insert into standin_private.cdc_key_change (source, target, origin, position, old_key, stored) "
        "values ($1, $2, $3, $4, $5, $6) on conflict (source, target, origin, position, old_key) "
        "do update set stored = excluded.stored, at = excluded.at");
    oneAfterTheOther(change.table);
    const std::optional<std::string> stored = storedValues(change.table, oldKey);
    if (!stored)
        return;
    remember.run(change.source, change.table.relation(), change.origin, pg::Bytea{change.position},
                 textOfKey(change.table, oldKey), pg::Jsonb{*stored});
    keysWait = true;
}

bool keyArrives(const KeyChange& change, const Cell* oldKey, Cell* cells, Arena& arena, bool mayPass) {
    static pg::Statement recall(
        "select stored::text from standin_private.cdc_key_change where source = $1 and target = $2 and "
        "((origin = $3 and position = $4 and position <> '') or (position = '' and old_key = $5)) "
        "order by position <> '' desc limit 1"); // a flattened delete has no position, the insert may have one
    oneAfterTheOther(change.table);
    const Target& target = change.table.target();
    const bool knowsOldKey = hasKey(target, oldKey);
    const std::string key = knowsOldKey ? textOfKey(change.table, oldKey) : "";
    const pg::Rows recalled =
        recall.run(change.source, change.table.relation(), change.origin, pg::Bytea{change.position}, key);
    if (!recalled.empty()) {
        const std::string stored = recalled[0].get<std::string>(0);
        fill(change.table, stored, cells, arena);
        return true;
    }
    const size_t withheld = firstWithheld(target, cells);
    if (withheld == target.columns.size() || !knowsOldKey || !storedValues(change.table, oldKey))
        return true; // a value that is missing makes this a dead letter
    if (mayPass)
        return false;
    throw ValueError("22004", target.columns[withheld].name,
                     "the event withholds the value, and the row that has it has not left its old key", withheldHint);
}

void keyArrived(const KeyChange& change, const Cell* oldKey) {
    static pg::Statement forget(
        "delete from standin_private.cdc_key_change where source = $1 and target = $2 and "
        "((origin = $3 and position = $4 and position <> '') or (position = '' and old_key = $5))");
    forget.run(change.source, change.table.relation(), change.origin, pg::Bytea{change.position},
               hasKey(change.table.target(), oldKey) ? textOfKey(change.table, oldKey) : "");
}

void forgetKeyChanges(const std::string& source, const TargetTable& table, std::string_view origin,
                      std::string_view position) {
    static pg::Statement forget(
        "delete from standin_private.cdc_key_change "
        "where source = $1 and target = $2 and origin = $3 and position <= $4 and position <> ''");
    forget.run(source, table.relation(), origin, pg::Bytea{position});
}

void maskKeyChanges(const std::string& source, const TableConfig& table) {
    static pg::Statement load("select origin, position, old_key, stored::text from standin_private.cdc_key_change "
                              "where source = $1 and target = $2 for update");
    static pg::Statement store(
        "update standin_private.cdc_key_change set stored = $6 where source = $1 and target = $2 "
        "and origin = $3 and position = $4 and old_key = $5");
    if (std::none_of(table.columns.begin(), table.columns.end(), std::mem_fn(&ColumnMapping::hides)))
        return;
    struct Kept {
        std::string origin, position, oldKey, stored;
    };
    std::vector<Kept> all;
    for (const pg::Row row : load.run(source, table.target))
        all.push_back({row.get<std::string>(0), pg::bytesOf(row, 1), row.get<std::string>(2), row.get<std::string>(3)});
    for (const Kept& one : all)
        store.run(source, table.target, one.origin, pg::Bytea{one.position}, one.oldKey,
                  pg::Jsonb{masked(table, one.stored)});
}

} // namespace standin::cdc
