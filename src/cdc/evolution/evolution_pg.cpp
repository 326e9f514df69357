#include "cdc/evolution/evolution_pg.h"

#include <algorithm>

#include "base/text.h"
#include "cdc/config/source_config_pg.h"
#include "cdc/event/naming.h"
#include "cdc/evolution/column_type.h"
#include "cdc/evolution/native_type.h"
#include "cdc/evolution/source_table_pg.h"
#include "cdc/target/statement_pg.h"
#include "pg/owner.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

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

/// A column to be made, as an event's schema or a schema change describes it.
struct NewColumn {
    std::string name, type;
    std::string comment; ///< the source's own, if it has one
    std::string origin;  ///< what the type was made of
};

NewColumn newColumn(const FieldSchema& field) {
    checkColumnName(field.name);
    return {field.name, columnTypeOf(field), "", field.logicalName.empty() ? field.wireType : field.logicalName};
}

NewColumn newColumn(const SourceTable& table, const SourceColumn& column) {
    checkColumnName(column.name);
    if (std::find(table.altered.begin(), table.altered.end(), column.name) != table.altered.end())
        throw Error("55000",
                    "the source has changed the type of column \"" + column.name +
                        "\", and events without a schema do not say under which they were written",
                    "", "Create the table, or add the column, by hand.");
    return {column.name, columnTypeOf(table.connector, column), column.comment, column.typeName};
}

std::string commentOn(const TargetTable& table, const NewColumn& column) {
    const std::string made =
        "added by pg_standin for field \"" + column.name + "\" (" + column.origin + ") of topic " + table.topic();
    return "COMMENT ON COLUMN " + table.name() + "." + quoted(column.name) + " IS " +
           quotedLiteral(column.comment.empty() ? made : column.comment);
}

/// What the schema change topic says of the table, if it has one topic.
std::optional<SourceTable> described(const std::string& source, const TargetTable& table) {
    if (table.topic().starts_with("^"))
        return std::nullopt;
    return findSourceTable(source, dataCollection(table.config(), table.topic()));
}

/// What cannot become a column is passed over, and counted among the unknown fields: the rest of the table goes on.
template <class F> std::optional<NewColumn> ifPossible(const TargetTable& table, F&& make) {
    try {
        return make();
    } catch (const NoColumn& error) {
        const std::string shown = foreignText(error.what());
        pg::call([&] {
            ereport(LOG, errmsg("pg_standin cdc: table %s gets no column: %s", table.name().c_str(), shown.c_str()));
        });
        return std::nullopt;
    }
}

std::string hintFor(const TargetTable& table, const std::string& field, std::string otherwise) {
    const std::string hint = hintOfOtherCase(table.target(), field);
    return hint.empty() ? otherwise : hint;
}

NewColumn missingColumn(const std::string& source, const TargetTable& table, const TopicForm::Field& field) {
    if (field.schema)
        return newColumn(*field.schema);
    const auto description = described(source, table);
    if (const SourceColumn* column = description ? description->find(field.name) : nullptr)
        return newColumn(*description, *column);
    throw SchemaAwaited("55000",
                        "table " + table.name() + " has no column for field \"" + field.name +
                            "\", and events without a schema do not say of which type to add one",
                        description ? "The schema change topic does not name such a column." : "",
                        hintFor(table, field.name,
                                "ALTER TABLE ... ADD COLUMN; or let the connector write schemas "
                                "(value.converter.schemas.enable), or give the source its schema_topic."));
}

void add(const std::string& source, const TargetTable& table, const TopicForm::Field& field,
         std::vector<std::string>& statements) {
    if (table.config().schemaEvolution == SchemaEvolution::Fail)
        throw Error("55000", "table " + table.name() + " has no column for field \"" + field.name + "\"",
                    "Its schema_evolution is \"fail\": the source goes on when it has one.",
                    hintFor(table, field.name,
                            "ALTER TABLE ... ADD COLUMN; or declare the field dropped with standin.cdc_column_map."));
    const auto made = ifPossible(table, [&] { return missingColumn(source, table, field); });
    if (!made)
        return;
    const NewColumn& column = *made;
    statements.push_back("ALTER TABLE " + table.name() + " ADD COLUMN IF NOT EXISTS " + quoted(column.name) + " " +
                         column.type);
    statements.push_back(commentOn(table, column));
}

/// The key's fields; none if the topic has no keys, as of a table without one.
std::vector<std::string> keyFields(const TableDecoder& decoder, const std::string& table) {
    std::vector<std::string> names;
    const Record& record = decoder.lastRecord;
    if (!record.key || record.key->empty())
        return names;
    Arena arena;
    simdjson::ondemand::parser parser;
    TopicForm form;
    const TopicForm::Plan* plan = form.split(*record.key, record.keySchema, parser, arena).plan;
    if (!plan->schema)
        throw Error("55000", "table " + table + " cannot be created: the keys of its topic carry no schema", "",
                    "Let the connector write schemas of keys, too (key.converter.schemas.enable).");
    for (const FieldSchema& field : plan->schema->fields)
        names.push_back(field.name);
    return names;
}

struct NewTable {
    std::vector<NewColumn> columns;
    std::vector<std::string> key;
    std::string comment; ///< the source's own, if it has one
};

NewTable newTable(const std::string& source, TargetTable& table, const TopicForm::Plan& form) {
    NewTable made;
    const auto add = [&](std::optional<NewColumn> column) {
        if (column)
            made.columns.push_back(std::move(*column));
    };
    if (form.schema) {
        for (const FieldSchema& field : form.schema->fields)
            if (!field.name.starts_with("__")) // metadata of a flattened record
                add(ifPossible(table, [&] { return newColumn(field); }));
        made.key = keyFields(table.decoder(), table.name());
    } else if (const auto description = described(source, table)) {
        for (const SourceColumn& column : description->columns)
            add(ifPossible(table, [&] { return newColumn(*description, column); }));
        made.key = description->key;
        made.comment = description->comment;
    } else {
        throw SchemaAwaited("55000",
                            "table " + table.name() + " cannot be created: the events of its topic carry no schema", "",
                            "Let the connector write schemas (value.converter.schemas.enable), give the source its "
                            "schema_topic, or create the table by hand.");
    }
    return made;
}

std::vector<std::string> creationOf(const std::string& source, TargetTable& table) {
    const TopicForm::Plan* form = table.decoder().lastForm;
    if (!form || form->fields.empty())
        return {}; // no row
    const NewTable made = newTable(source, table, *form);
    std::string columns;
    std::vector<std::string> statements{""};
    for (const NewColumn& column : made.columns) {
        columns += (columns.empty() ? "" : ", ") + quoted(column.name) + " " + column.type;
        statements.push_back(commentOn(table, column));
    }
    std::string key;
    for (const std::string& column : made.key)
        key += (key.empty() ? ", PRIMARY KEY (" : ", ") + quoted(column);
    statements[0] = "CREATE TABLE " + table.name() + " (" + columns + key + (key.empty() ? ")" : "))");
    statements.push_back(
        "COMMENT ON TABLE " + table.name() + " IS " +
        quotedLiteral(made.comment.empty() ? "made by pg_standin for topic " + table.topic() : made.comment));
    return statements;
}

} // namespace

std::vector<std::string> changesFor(const std::string& source, TargetTable& table) {
    if (!OidIsValid(table.relation()))
        return creationOf(source, table);
    TopicForm::Plan* form = table.decoder().lastForm;
    if (table.config().schemaEvolution == SchemaEvolution::Ignore || !form || form->settled)
        return {};
    std::vector<std::string> statements;
    for (const TopicForm::Field& field : form->fields) {
        if (field.column == TopicForm::droppedField)
            continue;
        if (field.column < 0) {
            if (!isMapped(table, field.name))
                add(source, table, field, statements);
            continue;
        }
        const auto limit = limitOf(table.columns()[field.column]);
        if (table.config().schemaEvolution != SchemaEvolution::Add || !field.schema || !limit)
            continue;
        const std::string& column = table.target().columns[static_cast<size_t>(field.column)].name;
        if (const auto type = widenedTypeOf(*field.schema, *limit))
            statements.push_back("ALTER TABLE " + table.name() + " ALTER COLUMN " + quoted(column) + " TYPE " + *type);
    }
    form->settled = statements.empty();
    return statements;
}

void evolve(const std::string& source, TargetTable& table, const std::vector<std::string>& changes) {
    const bool planned = !OidIsValid(table.relation());
    if (!planned && !pg::call([&] { return pg::ownsTable(table.relation(), table.role()); }))
        throw Error("42501", "changes of table " + table.name() + " are applied by a role that does not own it",
                    "schema_evolution \"add\" changes the table as that role.",
                    "Add the table without apply_role, or make its role a member of the owner; or change the table by "
                    "hand.");
    {
        const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // undoes the settings, too
        pg::setInScope("lock_timeout", "500ms");
        // After this time an autovacuum in the way is cancelled, and of two workers that want to change the same table
        // one gives way.
        pg::setInScope("deadlock_timeout", "100ms");
        for (const std::string& statement : changes)
            pg::execute(statement);
    }
    table.prepare();
    static pg::Statement made("select standin_private.cdc_table_made($1, $2, $3::regclass)");
    if (planned)
        made.run(source, table.topic(), table.relation());
}

} // namespace standin::cdc
