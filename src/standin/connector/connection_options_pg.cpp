#include <algorithm>
#include <array>

#include "pg/guard.h"
#include "pg/postgres.h"
#include "standin/connector/core_config_pg.h"
#include "standin/connector/host_address.h"

extern "C" {
#include <access/reloptions.h>
#include <catalog/pg_foreign_server.h>
#include <catalog/pg_user_mapping.h>
#include <commands/defrem.h>
#include <foreign/foreign.h>
#include <nodes/pg_list.h>
}

// The FDW that names PostgreSQL cores. It serves no foreign tables: its options say where a connector connects.

namespace standin::core {

namespace {

enum class Place { server, mapping };

struct Option {
    std::string_view name;
    Place place;
    bool superuserOnly; ///< names a file, or lowers a guard
};

constexpr std::array options{
    Option{"host", Place::server, false},
    Option{"hostaddr", Place::server, false},
    Option{"port", Place::server, false},
    Option{"dbname", Place::server, false},
    Option{"sslmode", Place::server, false},
    Option{"ssl_min_protocol_version", Place::server, false},
    Option{"ssl_max_protocol_version", Place::server, false},
    Option{"channel_binding", Place::server, false},
    Option{"target_session_attrs", Place::server, false},
    Option{"application_name", Place::server, false},
    Option{"keepalives", Place::server, false},
    Option{"keepalives_idle", Place::server, false},
    Option{"keepalives_interval", Place::server, false},
    Option{"keepalives_count", Place::server, false},
    Option{"tcp_user_timeout", Place::server, false},
    Option{"sslrootcert", Place::server, true},
    Option{"sslcrl", Place::server, true},
    Option{"user", Place::mapping, false},
    Option{"password", Place::mapping, false},
    Option{"sslcert", Place::mapping, true},
    Option{"sslkey", Place::mapping, true},
    Option{"password_required", Place::mapping, true},
};

struct Given {
    std::string name;
    std::string value;
};

std::vector<Given> given(List* list) {
    std::vector<Given> result;
    for (int i = 0; i < list_length(list); ++i) {
        auto* element = static_cast<DefElem*>(list_nth(list, i));
        result.push_back({element->defname, pg::call([&] { return defGetString(element); })});
    }
    return result;
}

std::string validNames(Place place) {
    std::string names;
    for (const Option& option : options)
        if (option.place == place)
            names.append(names.empty() ? "" : ", ").append(option.name);
    return names;
}

const Given* find(const std::vector<Given>& all, std::string_view name) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Given& each) { return each.name == name; });
    return found == all.end() ? nullptr : &*found;
}

void checkHost(const std::vector<Given>& all) {
    auto value = [&](std::string_view name) {
        const Given* found = find(all, name);
        return found ? found->value : std::string();
    };
    const std::string host = value("host");
    if (value("hostaddr").empty() && !host.empty() && !isAddress(host))
        throw Error("HV00A", "host \"" + host + "\" needs an option hostaddr",
                    "A name would be resolved inside a blocking call.",
                    "Give the address in hostaddr; host may keep the name, for TLS.");
    if (value("hostaddr").empty() && host.empty())
        throw Error("HV00A", "option host or hostaddr is missing");
}

bool needsPassword(List* list) {
    for (int i = 0; i < list_length(list); ++i) {
        auto* element = static_cast<DefElem*>(list_nth(list, i));
        if (std::string_view(element->defname) == "password_required")
            return pg::call([element] { return defGetBoolean(element); });
    }
    return true;
}

/// As postgres_fdw: who may make a mapping must not log in with what the server's own operating system user has.
void requirePassword(List* list) {
    const std::vector<Given> all = given(list);
    const Given* password = find(all, "password");
    if (needsPassword(list) && (!password || password->value.empty()))
        throw Error("2F003", "password is required",
                    "A user mapping of standin_postgres must provide the password that the core is shown.",
                    "Add option password, or let a superuser set password_required 'false'.");
}

void validate(List* list, Place place) {
    const std::vector<Given> all = given(list);
    for (const Given& each : all) {
        const auto known = std::find_if(options.begin(), options.end(), [&](const Option& option) {
            return option.name == each.name && option.place == place;
        });
        if (known == options.end())
            throw Error("HV00D", "option \"" + each.name + "\" is not known", {},
                        "Valid options: " + validNames(place) + ".");
        if (known->superuserOnly && !superuser())
            throw Error("42501", "only superusers may set option \"" + each.name + "\"");
    }
    if (place == Place::server)
        checkHost(all);
    else
        requirePassword(list);
}

} // namespace

ConnectionOptions loadConnectionOptions(const std::string& server) {
    ForeignServer* found = pg::call([&] { return GetForeignServerByName(server.c_str(), false); });
    const Oid owner = GetUserId();
    UserMapping* mapping = pg::call([&] { return GetUserMapping(owner, found->serverid); });
    ConnectionOptions result;
    auto add = [&](List* list) {
        for (Given& each : given(list)) {
            if (each.name == "password_required")
                continue;
            result.keywords.push_back(std::move(each.name));
            result.values.push_back(std::move(each.value));
        }
    };
    result.keywords.push_back("fallback_application_name");
    result.values.push_back("pg_standin");
    add(found->options);
    add(mapping->options);
    result.passwordRequired = needsPassword(mapping->options);
    return result;
}

} // namespace standin::core

STANDIN_FUNCTION(standin_postgres_validator) {
    using namespace standin::core;
    List* list = standin::pg::call([&] { return untransformRelOptions(PG_GETARG_DATUM(0)); });
    const Oid catalog = PG_GETARG_OID(1);
    if (catalog == ForeignServerRelationId)
        validate(list, Place::server);
    else if (catalog == UserMappingRelationId)
        validate(list, Place::mapping);
    else if (list_length(list) > 0)
        throw standin::Error("HV00D", "options belong to a server or a user mapping of standin_postgres");
    PG_RETURN_VOID();
}
