#include "kafka/kafka_pg.h"
#include "pg/guard.h"
#include "pg/owner.h"

extern "C" {
#include <access/reloptions.h>
#include <catalog/pg_foreign_server.h>
#include <catalog/pg_user_mapping.h>
#include <commands/defrem.h>
#include <foreign/foreign.h>
}

#include <unistd.h>

namespace standin::kafka {

namespace {

/// The list lives in the caller's memory context.
void append(Properties& properties, List* options) {
    for (int i = 0; i < list_length(options); ++i) {
        auto* option = static_cast<DefElem*>(list_nth(options, i));
        const char* value = pg::call([option] { return defGetString(option); });
        properties.emplace_back(option->defname, value);
    }
}

List* mappingOptions(Oid server) {
    const Oid owner = get_role_oid(pg::ownerRole, true);
    HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(owner), ObjectIdGetDatum(server));
    if (!HeapTupleIsValid(tuple))
        tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid), ObjectIdGetDatum(server));
    if (!HeapTupleIsValid(tuple))
        return NIL;
    bool isNull;
    const Datum options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions, &isNull);
    List* list = isNull ? NIL : untransformRelOptions(options);
    ReleaseSysCache(tuple);
    return list;
}

void endAtOnce(int code, Datum) { _exit(code); }

} // namespace

namespace {

Properties allOptions(const std::string& server) {
    struct Found {
        bool exists;
        List* server;
        List* mapping;
    };
    const Found found = pg::call([&] {
        ForeignServer* foreign = GetForeignServerByName(server.c_str(), true);
        return foreign ? Found{true, foreign->options, mappingOptions(foreign->serverid)} : Found{false, NIL, NIL};
    });
    if (!found.exists)
        throw Error("42704", "server \"" + server + "\" does not exist", {},
                    "Create it again, or drop the consumers that use it.");
    Properties properties;
    append(properties, found.server);
    append(properties, found.mapping);
    return properties;
}

} // namespace

Properties serverProperties(const std::string& server) {
    Properties properties = allOptions(server);
    std::erase_if(properties, [](const auto& property) { return !isLibraryOption(property.first); });
    secure(properties);
    return properties;
}

std::optional<std::string> serverOption(const std::string& server, std::string_view name) {
    for (auto& [known, value] : allOptions(server))
        if (known == name)
            return std::move(value);
    return std::nullopt;
}

// proc_exit runs these last registered first, after shared memory has been left; exit() and with it the destructors of
// libraries would come next.
void endWithoutCleanup() { on_proc_exit(endAtOnce, 0); }

} // namespace standin::kafka

STANDIN_FUNCTION(standin_kafka_validator) {
    using namespace standin;
    using namespace standin::kafka;
    const Oid catalog = PG_GETARG_OID(1);
    Properties properties;
    append(properties, pg::call([fcinfo] { return untransformRelOptions(PG_GETARG_DATUM(0)); }));
    const bool isServer = catalog == ForeignServerRelationId;
    if (!isServer && catalog != UserMappingRelationId) {
        if (!properties.empty())
            throw Error("HV00D", "invalid option \"" + properties.front().first + "\"", {},
                        "Options belong in CREATE SERVER and CREATE USER MAPPING.");
        PG_RETURN_VOID();
    }
    const bool isSuperuser = pg::call([] { return superuser(); });
    for (const auto& [name, value] : properties)
        validateOption(isServer ? OptionPlace::Server : OptionPlace::UserMapping, name, value, isSuperuser);
    if (isServer)
        validateServerOptions(properties);
    PG_RETURN_VOID();
}
