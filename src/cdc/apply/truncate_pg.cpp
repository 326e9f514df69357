#include "cdc/apply/truncate_pg.h"

#include "cdc/target/statement_pg.h"
#include "pg/owner.h"
#include "pg/spi.h"

extern "C" {
#include <utils/builtins.h>
}

namespace standin::cdc {

namespace {

std::string arrayOf(const std::set<std::vector<std::string>>& keys, size_t place) {
    std::string array = "{";
    for (const std::vector<std::string>& key : keys) {
        array += array.size() > 1 ? ",\"" : "\"";
        for (const char character : key[place])
            array += character == '"' || character == '\\' ? std::string{'\\', character} : std::string{character};
        array += '"';
    }
    return quotedLiteral(array + "}");
}

std::string typeOf(const ColumnConversion& column) {
    return pg::call([&] {
        return format_type_extended(column.baseType, column.typmod,
                                    FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
    });
}

void deleteAllBut(TargetTable& table, const std::set<std::vector<std::string>>& kept) {
    std::string arrays, names, casts;
    for (size_t i = 0; i < table.target().key.size(); ++i) {
        const std::string name = "k" + std::to_string(i), separator = i ? ", " : "";
        arrays += separator + arrayOf(kept, i) + "::pg_catalog.text[]";
        names += separator + name;
        casts +=
            separator + "CAST(u." + name + " AS " + typeOf(table.columns()[table.target().key[i]]) + ") AS " + name;
    }
    const std::string condition = keyCondition(table, [](size_t i) { return "kept.k" + std::to_string(i); });
    pg::execute("DELETE FROM " + table.name() + " AS t WHERE NOT EXISTS (SELECT FROM (SELECT " + casts +
                " FROM unnest(" + arrays + ") AS u (" + names + ")) AS kept WHERE " + condition + ")");
}

void runDeferredTriggers() {
    pg::call([] { SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); });
}

} // namespace

void truncateTarget(const TargetTable& table) {
    if (!OidIsValid(table.relation()))
        return;                                                        // not created yet
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // its triggers may do what they like
    try {
        pg::inSubtransaction([&] { pg::execute("TRUNCATE " + table.name()); });
    } catch (const pg::PgError& error) {
        if (!error.is(ERRCODE_INSUFFICIENT_PRIVILEGE) && !error.is(ERRCODE_FEATURE_NOT_SUPPORTED))
            throw;
        pg::execute("DELETE FROM " + table.name());
    }
    runDeferredTriggers();
}

void truncateTarget(TargetTable& table, const std::set<std::vector<std::string>>& kept) {
    if (kept.empty())
        return truncateTarget(table);
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free);
    deleteAllBut(table, kept);
    runDeferredTriggers();
}

void requireOneTopic(const std::string& source, const TargetTable& table) {
    static pg::Statement others(
        "select exists (select from standin_private.cdc_table t where t.target = $1 and (t.source, t.topic) <> ($2, "
        "$3)) or (select count(*) > 1 from (select distinct o.topic from standin_private.kafka_offset o "
        "where o.consumer = $2 and standin_private.cdc_topic_of(o.consumer, o.topic) = $3) t)");
    if (others.run(table.relation(), source, table.topic())[0].get<bool>(0))
        throw Error("22023", "the source table was truncated, and its target has the rows of other topics, too",
                    "Which of them came from the truncated table is not known.",
                    "Delete its rows by hand, then discard the record; or give each topic a table of its own.");
}

} // namespace standin::cdc
