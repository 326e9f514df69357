#include "outbox/topic_pg.h"

#include <vector>

#include "kernel/instance.h"
#include "pg/spi.h"

extern "C" {
#include <catalog/namespace.h>
#include <storage/lmgr.h>
#include <utils/snapmgr.h>
}

namespace standin::outbox {

namespace {

struct Known {
    std::string name;
    Oid caller;
    Topic topic;
};

std::vector<Known> known; // few: a search of a list is as fast as any

/// Until the transaction ends nobody drops a topic or a relay (outbox_publishers_wait): what is read after this holds.
void holdOffDrops() {
    pg::call([] {
        LockRelationOid(get_relname_relid("outbox_message", get_namespace_oid("standin_private", false)),
                        RowExclusiveLock);
    });
}

Topic lookUp(const std::string& name, Oid caller) {
    static pg::Statement find("SELECT t.relay, t.max_bytes, r.on_full = 'error' AND p.is_full, EXISTS (SELECT "
                              "FROM standin_private.outbox_grant g JOIN pg_catalog.pg_roles a ON a.rolname = g.role "
                              "WHERE g.topic = t.topic AND pg_catalog.pg_has_role($2, a.oid, 'USAGE')) "
                              "FROM standin_private.outbox_topic t JOIN standin_private.outbox_relay r USING (relay) "
                              "JOIN standin_private.outbox_progress p USING (relay) WHERE t.topic = $1",
                              true);
    holdOffDrops();
    const pg::Spi spi;
    // As it is now: a transaction that is repeatable read may have begun before the topic was dropped.
    pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    const pg::Rows rows = find.run(name, caller);
    pg::call([] { PopActiveSnapshot(); });
    if (rows.empty())
        throw Error("42704", "topic \"" + name.substr(0, 300) + "\" is not published to", {},
                    "Let an administrator call standin.outbox_topic_create.");
    const pg::Row row = rows[0];
    if (!row.get<bool>(3) && !pg::call([&] { return superuser_arg(caller); }))
        throw Error("42501", "permission denied to publish to topic \"" + name + "\"", {},
                    "Let an administrator call standin.outbox_topic_grant.");
    if (row.get<bool>(2))
        throw Error("53400", "relay \"" + row.get<std::string>(0) + "\" is full",
                    "Events wait for Kafka, as many as its options max_rows and max_bytes allow.",
                    "See standin.stat_outbox, and try again when Kafka takes them.");
    kernel::requireAdopted();
    return {row.get<std::string>(0), row.get<int32_t>(1)};
}

} // namespace

const Topic& topicFor(std::string_view topic, Oid caller) {
    for (const Known& each : known)
        if (each.caller == caller && each.name == topic)
            return each.topic;
    std::string name(topic);
    Topic found = lookUp(name, caller);
    known.push_back({std::move(name), caller, std::move(found)});
    return known.back().topic;
}

void forgetTopics() noexcept { known.clear(); }

} // namespace standin::outbox
