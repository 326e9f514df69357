#include "cdc/key_change_pg.h"

#include <algorithm>
#include <functional>

#include "cdc/mask.h"
#include "cdc/target_statement_pg.h"
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
    if (!target.columns[column].writable || std::find(target.key.begin(), target.key.end(), column) != target.key.end())
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
        text +=
            (text.empty() ? "" : ",") + quotedLiteral(cellToText(table.columns()[column], cells[column]).value_or(""));
    return text;
}

std::vector<std::string> valuesOfKey(TargetTable& table, const Cell* cells) {
    std::vector<std::string> values;
    for (const uint16_t column : table.target().key)
        values.push_back(cellToText(table.columns()[column], cells[column]).value_or(""));
    return values;
}

/// By literals, which take the columns' types; in this rare case a plan is not kept.
std::string keyCondition(const TargetTable& table, const std::vector<std::string>& values) {
    std::string condition;
    for (size_t i = 0; i < table.target().key.size() && i < values.size(); ++i)
        condition += (i ? " AND t." : "t.") + quoted(table.target().columns[table.target().key[i]].name) + " = " +
                     quotedLiteral(values[i]);
    return condition;
}

bool hasKey(const Target& target, const Cell* cells) {
    return cells && std::all_of(target.key.begin(), target.key.end(),
                                [&](uint16_t column) { return cells[column].kind > CellKind::Null; });
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

/// The insert came first and took the values from the row as it was then. Earlier changes of the old key have come
/// since, from its own partition: where the new row still has what was taken, it gets what was last.
void correct(const KeyChange& change, const std::vector<std::string>& newKey, const std::string& taken,
             const std::string& last) {
    // The new row may have left in turn, and its next insert not have come.
    static pg::Statement correctRemembered(
        "update standin_private.cdc_key_change set stored = jsonb_set(stored, array[$4], coalesce(to_jsonb($5), "
        "'null')) "
        "where source = $1 and target = $2 and new_key = $3 and not fetched and stored ->> $4 is not distinct from $6");
    const TargetTable& table = change.table;
    static pg::Statement differing(
        "select l.key, l.value, t.value from jsonb_each_text($1) l join jsonb_each_text($2) t "
        "using (key) where l.value is distinct from t.value");
    struct Difference {
        std::string column;
        std::optional<std::string> now, then;
    };
    std::vector<Difference> differences;
    for (const pg::Row row : differing.run(pg::Jsonb{last}, pg::Jsonb{taken}))
        differences.push_back({row.get<std::string>(0), row.optional<std::string>(1), row.optional<std::string>(2)});
    const auto value = [](const std::optional<std::string>& text) { return text ? quotedLiteral(*text) : "NULL"; };
    for (const Difference& one : differences)
        correctRemembered.run(change.source, table.relation(), newKey, one.column, one.now, one.then);
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free);
    for (const Difference& one : differences)
        pg::execute("UPDATE " + table.name() + " AS t SET " + quoted(one.column) + " = " + value(one.now) + " WHERE " +
                    keyCondition(table, newKey) + " AND t." + quoted(one.column) + "::text IS NOT DISTINCT FROM " +
                    value(one.then));
    pg::call([] { SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); });
}

} // namespace

bool mayWithhold(const Target& target) {
    for (size_t i = 0; i < target.columns.size(); ++i)
        if (isWithholdable(target, i))
            return true;
    return false;
}

bool withholds(const Target& target, const Cell* cells) {
    return std::any_of(cells, cells + target.columns.size(),
                       [](const Cell& cell) { return cell.kind == CellKind::Unavailable; });
}

bool keyChangesWait(const std::string& source) {
    static pg::Statement any("select exists (select from standin_private.cdc_key_change where source = $1)");
    if (!keysWait)
        keysWait = any.run(source)[0].get<bool>(0);
    return *keysWait;
}

void keyLeaves(const KeyChange& change, const Cell* oldKey, const Cell* newKey) {
    static pg::Statement newKeyOf(
        "select n.value from standin_private.cdc_key_change c, unnest(c.new_key) with ordinality as n (value, place) "
        "where source = $1 and target = $2 and origin = $3 and position = $4 and (position <> '' or old_key = $5) "
        "and fetched order by n.place");
    static pg::Statement takeFetched("delete from standin_private.cdc_key_change where source = $1 and target = $2 and "
                                     "origin = $3 and position = $4 "
                                     "and (position <> '' or old_key = $5) and fetched returning stored::text");
    static pg::Statement remember(
        "insert into standin_private.cdc_key_change (source, target, origin, position, old_key, stored, fetched, "
        "new_key) "
        "values ($1, $2, $3, $4, $5, $6, false, $7) on conflict (source, target, origin, position, old_key) "
        "do update set stored = excluded.stored, new_key = excluded.new_key, at = excluded.at");
    // What this row took too early is now in the row that it becomes.
    static pg::Statement passOn("update standin_private.cdc_key_change set new_key = $4 "
                                "where source = $1 and target = $2 and new_key = $3 and fetched");
    oneAfterTheOther(change.table);
    const std::string key = textOfKey(change.table, oldKey);
    const std::optional<std::string> stored = storedValues(change.table, oldKey);
    const Oid relation = change.table.relation();
    const pg::Bytea position{change.position};
    std::optional<std::vector<std::string>> becomes;
    if (hasKey(change.table.target(), newKey))
        becomes = valuesOfKey(change.table, newKey);
    std::vector<std::string> arrived;
    for (const pg::Row row : newKeyOf.run(change.source, relation, change.origin, position, key))
        arrived.push_back(row.get<std::string>(0));
    if (!arrived.empty()) {
        const std::string taken =
            takeFetched.run(change.source, relation, change.origin, position, key)[0].get<std::string>(0);
        if (stored)
            correct(change, arrived, taken, *stored);
    } else if (stored) {
        remember.run(change.source, relation, change.origin, position, key, pg::Jsonb{*stored}, becomes);
        keysWait = true;
    }
    if (becomes)
        passOn.run(change.source, relation, valuesOfKey(change.table, oldKey), *becomes);
}

bool keyArrives(const KeyChange& change, const Cell* oldKey, Cell* cells, Arena& arena, bool mayPass) {
    static pg::Statement recall(
        "select stored::text from standin_private.cdc_key_change where source = $1 and target = $2 and "
        "((origin = $3 and position = $4 and position <> '') or (position = '' and old_key = $5)) and not fetched "
        "order by position <> '' desc limit 1"); // a flattened delete has no position, the insert may have one
    static pg::Statement remember(
        "insert into standin_private.cdc_key_change (source, target, origin, position, old_key, stored, fetched, "
        "new_key) "
        "values ($1, $2, $3, $4, $5, $6, true, $7) on conflict (source, target, origin, position, old_key) "
        "do update set stored = excluded.stored, new_key = excluded.new_key, at = excluded.at");
    oneAfterTheOther(change.table);
    const bool knowsOldKey = hasKey(change.table.target(), oldKey);
    const std::string key = knowsOldKey ? textOfKey(change.table, oldKey) : "";
    const pg::Rows recalled =
        recall.run(change.source, change.table.relation(), change.origin, pg::Bytea{change.position}, key);
    if (!recalled.empty()) {
        const std::string stored = recalled[0].get<std::string>(0);
        fill(change.table, stored, cells, arena);
        return true;
    }
    if (!withholds(change.table.target(), cells) || !knowsOldKey)
        return true; // a value that is missing makes this a dead letter
    const std::optional<std::string> stored = storedValues(change.table, oldKey);
    if (!stored)
        return true;
    if (mayPass)
        return false;
    remember.run(change.source, change.table.relation(), change.origin, pg::Bytea{change.position}, key,
                 pg::Jsonb{*stored}, valuesOfKey(change.table, cells));
    fill(change.table, *stored, cells, arena);
    return true;
}

void keyArrived(const KeyChange& change, const Cell* oldKey) {
    static pg::Statement forget(
        "delete from standin_private.cdc_key_change where source = $1 and target = $2 and "
        "((origin = $3 and position = $4 and position <> '') or (position = '' and old_key = $5)) and not fetched");
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
