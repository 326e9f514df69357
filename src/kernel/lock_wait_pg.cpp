#include "kernel/lock_wait_pg.h"

#include "pg/spi.h"

namespace standin::kernel {

std::string lockHolders(const std::vector<int64_t>& tables, const std::string& ownTables) {
    // Row locks show as the table's. Of several sessions nobody says afterwards which one was in the way: all are named.
    // Readers are in the way of a change of the table only, and told of if there is nobody else.
    static pg::Statement statement(
        "WITH RECURSIVE wanted (oid) AS ("
        "   SELECT unnest($1)::oid"
        "   UNION SELECT i.inhrelid FROM pg_inherits i JOIN wanted w ON i.inhparent = w.oid),"
        " own AS (SELECT oid FROM pg_class WHERE relnamespace = 'standin_private'::regnamespace AND relname ~ $2),"
        " holder AS ("
        "   SELECT l.mode = 'AccessShareLock' AS reads, format('table %s is held by %s', l.relation::regclass,"
        "          CASE WHEN l.pid IS NULL THEN 'a prepared transaction' ELSE"
        "               format('process %s (user %s, application \"%s\")', l.pid, a.usename,"
        "                      a.application_name) END) AS text"
        "     FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)"
        "    WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()"
        "      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        "      AND l.relation IN (SELECT oid FROM wanted UNION ALL SELECT oid FROM own)"
        "      AND coalesce(a.backend_type, '') NOT LIKE 'pg_standin %')"
        " SELECT string_agg(DISTINCT text, '; ') FROM holder WHERE reads = (SELECT bool_and(reads) FROM holder)");
    return statement.run(tables, ownTables)[0].optional<std::string>(0).value_or("");
}

} // namespace standin::kernel
