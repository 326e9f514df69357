#include "cdc/source_table_pg.h"

#include "pg/spi.h"

namespace standin::cdc {

void storeTableChanges(const std::string& source, std::string_view record) {
    static pg::Statement store(
        "insert into standin_private.cdc_source_table as t (source, collection, short_collection, connector, "
        "definition) "
        "values ($1, $2, $3, $4, $5) on conflict (source, collection) do update set connector = excluded.connector, "
        "definition = excluded.definition, at = excluded.at");
    static pg::Statement forget("delete from standin_private.cdc_source_table where source = $1 and collection = $2");
    const TableChanges parsed = parseTableChanges(record);
    for (const TableChange& change : parsed.changes)
        if (change.dropped)
            forget.run(source, change.collection);
        else
            store.run(source, change.collection, change.shortCollection, parsed.connector,
                      pg::Jsonb{change.definition});
}

std::optional<SourceTable> findSourceTable(const std::string& source, const std::string& collection) {
    static pg::Statement find("select definition::text, connector from standin_private.cdc_source_table "
                              "where source = $1 and $2 in (collection, short_collection) "
                              "order by collection = $2 desc, at desc limit 1");
    const pg::Rows found = find.run(source, collection);
    if (found.empty())
        return std::nullopt;
    return parseSourceTable(found[0].get<std::string>(0), found[0].get<std::string>(1));
}

} // namespace standin::cdc
