#include "cdc/evolution_pg.h"

#include <algorithm>

#include "cdc/evolution.h"
#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

std::string quotedIdentifier(const std::string& name) {
    return pg::call([&] { return quote_identifier(name.c_str()); });
}

std::string quotedLiteral(const std::string& text) {
    return pg::call([&] { return quote_literal_cstr(text.c_str()); });
}

/// A field that the mapping drops or takes for another column is not missing from the table, nor is one whose column
/// takes something else.
bool isMapped(TargetTable& table, const std::string& field) {
    const auto& columns = table.config().columns;
    return (table.mapper() && table.mapper()->redaction().isConfidential(field)) ||
           std::any_of(columns.begin(), columns.end(),
                       [&](const ColumnMapping& one) { return one.field == field || one.name == field; });
}

std::optional<ColumnLimit> limitOf(const ColumnConversion& column) {
    const int32_t modifier = column.typmod - static_cast<int32_t>(VARHDRSZ);
    if (modifier < 0 || column.type != column.baseType)
        return std::nullopt;
    if (column.type == VARCHAROID)
        return ColumnLimit{ColumnLimit::Kind::Varchar, modifier, 0};
    if (column.type == NUMERICOID)
        return ColumnLimit{ColumnLimit::Kind::Numeric, (modifier >> 16) & 0xffff, ((modifier & 0x7ff) ^ 1024) - 1024};
    return std::nullopt;
}

ColumnChange addition(const TargetTable& table, const TopicForm::Field& field) {
    if (table.config().schemaEvolution == SchemaEvolution::Fail)
        throw Error("55000", "table " + table.name() + " has no column for field \"" + field.name + "\"",
                    "Its schema_evolution is \"fail\": the source goes on when it has one.",
                    "ALTER TABLE ... ADD COLUMN; or declare the field dropped with standin.cdc_column_map.");
    if (!field.schema)
        throw Error("55000",
                    "table " + table.name() + " has no column for field \"" + field.name +
                        "\", and events without a schema do not say of which type to add one",
                    "",
                    "ALTER TABLE ... ADD COLUMN; or let the connector write schemas (value.converter.schemas.enable).");
    checkColumnName(field.name);
    const std::string& type = field.schema->logicalName.empty() ? field.schema->wireType : field.schema->logicalName;
    return {"ADD COLUMN IF NOT EXISTS " + quotedIdentifier(field.name) + " " + columnTypeOf(*field.schema), field.name,
            "added by pg_standin for field \"" + field.name + "\" (" + type + ") of topic " + table.topic()};
}

void setLocal(const char* name, const char* value) {
    pg::call([=] { set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false); });
}

} // namespace

std::vector<ColumnChange> changesFor(TargetTable& table) {
    TopicForm::Plan* form = table.decoder().lastForm;
    if (table.config().schemaEvolution == SchemaEvolution::Ignore || !form || form->settled)
        return {};
    std::vector<ColumnChange> changes;
    for (const TopicForm::Field& field : form->fields) {
        if (field.column == TopicForm::droppedField)
            continue;
        if (field.column < 0) {
            if (!isMapped(table, field.name))
                changes.push_back(addition(table, field));
            continue;
        }
        const auto limit = limitOf(table.columns()[field.column]);
        if (table.config().schemaEvolution != SchemaEvolution::Add || !field.schema || !limit)
            continue;
        const std::string& column = table.target().columns[static_cast<size_t>(field.column)].name;
        if (const auto type = widenedTypeOf(*field.schema, *limit))
            changes.push_back({"ALTER COLUMN " + quotedIdentifier(column) + " TYPE " + *type, column, ""});
    }
    form->settled = changes.empty();
    return changes;
}

void evolve(TargetTable& table, const std::vector<ColumnChange>& changes) {
    if (!pg::call([&] { return pg_class_ownercheck(table.relation(), table.role()); }))
        throw Error("42501", "changes of table " + table.name() + " are applied by a role that does not own it",
                    "schema_evolution \"add\" changes the table as that role.",
                    "Add the table without apply_role, or make its role a member of the owner; or change the table by "
                    "hand.");
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // undoes the settings, too
    setLocal("lock_timeout", "500ms");
    // After this time an autovacuum in the way is cancelled, and of two workers that want to change the same table one
    // gives way.
    setLocal("deadlock_timeout", "100ms");
    for (const ColumnChange& change : changes) {
        pg::execute("ALTER TABLE " + table.name() + " " + change.command);
        if (!change.comment.empty())
            pg::execute("COMMENT ON COLUMN " + table.name() + "." + quotedIdentifier(change.column) + " IS " +
                        quotedLiteral(change.comment));
    }
}

} // namespace standin::cdc
