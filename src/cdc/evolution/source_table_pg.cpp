#include "cdc/evolution/source_table_pg.h"

#include "pg/spi.h"

namespace standin::cdc {

/// A dropped table's description stays: its rows may still be to come.
void storeTableChanges(const std::string& source, std::string_view record) {
    static pg::Statement store("select standin_private.cdc_source_table_describe($1, $2, $3, $4, $5)");
    const TableChanges parsed = parseTableChanges(record);
    for (const TableChange& change : parsed.changes)
        if (!change.dropped)
            store.run(source, change.collection, change.shortCollection, parsed.connector,
                      pg::Jsonb{change.definition});
}

std::optional<SourceTable> findSourceTable(const std::string& source, const std::string& collection) {
    static pg::Statement find("select (definition || jsonb_build_object('altered', altered))::text, connector "
                              "from standin_private.cdc_source_table "
                              "where source = $1 and $2 in (collection, short_collection) "
                              "order by collection = $2 desc, at desc limit 1");
    const pg::Rows found = find.run(source, collection);
    if (found.empty())
        return std::nullopt;
    return parseSourceTable(found[0].get<std::string>(0), found[0].get<std::string>(1));
}

} // namespace standin::cdc
