#include "standin/accept/operation_grant_pg.h"

#include <algorithm>
#include <set>

#include "pg/owner.h"
#include "pg/spi.h"

extern "C" {
#include <utils/acl.h>
#include <utils/builtins.h>
}

namespace standin::core {

namespace {

/// By name each time, from the catalogue's cache: a role may have been renamed or dropped since the grant was read.
bool actsAs(Oid caller, const std::string& role) {
    return pg::call([&] {
        const Oid id = get_role_oid(role.c_str(), true);
        return OidIsValid(id) && has_privs_of_role(caller, id);
    });
}

std::string nameOf(Oid role) {
    return pg::call([role] { return GetUserNameFromId(role, false); });
}

std::string literal(const std::string& text) {
    return pg::call([&] { return quote_literal_cstr(text.c_str()); });
}

/// The statement that an administrator would run.
std::string grantStatement(const std::string& core, const std::string& operation, Oid caller,
                           const std::string& more = {}) {
    return "SELECT standin.operation_grant(" + literal(core) + ", " + literal(operation) + ", " +
           literal(nameOf(caller)) + more + ");";
}

} // namespace

std::vector<OperationGrant> operationGrants(const std::string& core) {
    static pg::Statement statement("SELECT operation, role, channel FROM standin_private.operation_grant"
                                   " WHERE core = $1 ORDER BY role, operation");
    std::vector<OperationGrant> grants;
    for (const pg::Row row : statement.run(core))
        grants.push_back({row.get<std::string>(0), row.get<std::string>(1), row.get<std::string>(2)});
    return grants;
}

std::string keyAtCore(const std::string& channel, const std::string& key) {
    return channel.empty() ? key : channel + '/' + key;
}

std::string channelFor(const std::vector<OperationGrant>& grants, const std::string& core, const std::string& operation,
                       Oid caller) {
    const std::string self = nameOf(caller);
    std::set<std::string> channels;
    for (const OperationGrant& grant : grants) {
        if ((grant.operation != "*" && grant.operation != operation) || !actsAs(caller, grant.role))
            continue;
        if (grant.role == self) // a role has one channel a core: standin.operation_grant sees to that
            return grant.channel;
        channels.insert(grant.channel);
    }
    if (actsAs(caller, "standin_admin"))
        return {};
    if (channels.empty())
        throw Error("42501", "permission denied for operation \"" + operation + "\" of core \"" + core + "\"", {},
                    "An administrator grants it: " + grantStatement(core, operation, caller));
    if (channels.size() > 1) {
        std::string list;
        for (const std::string& channel : channels)
            list += (list.empty() ? "\"" : ", \"") + channel + '"';
        throw Error("42725",
                    "role \"" + self + "\" has several channels for operation \"" + operation + "\" of core \"" + core +
                        '"',
                    "Roles that it is a member of were granted the channels " + list + ".",
                    "SET ROLE to one of them, or let an administrator choose: " +
                        grantStatement(core, operation, caller, ", channel => " + literal(*channels.begin())));
    }
    return *channels.begin();
}

std::vector<std::string> channelsOf(const std::vector<OperationGrant>& grants, Oid caller) {
    std::set<std::string> channels;
    for (const OperationGrant& grant : grants) {
        if (actsAs(caller, grant.role))
            channels.insert(grant.channel);
    }
    return {channels.begin(), channels.end()};
}

void requireNobodysKey(const std::vector<OperationGrant>& grants, const std::string& key) {
    const size_t slash = key.find('/');
    if (slash == std::string::npos || slash == 0)
        return;
    const std::string prefix = key.substr(0, slash);
    if (std::ranges::any_of(grants, [&](const OperationGrant& grant) { return grant.channel == prefix; }))
        throw Error("22023", "keys that begin with \"" + prefix + "/\" belong to channel \"" + prefix + '"', {},
                    "Bare keys begin with something else.");
}

bool asksAboutAll(Oid caller) {
    return actsAs(caller, "standin_operator") || actsAs(caller, "standin_auditor") || actsAs(caller, "standin_admin");
}

bool mayAskAbout(int64_t ticket, Oid caller) {
    static pg::Statement statement("SELECT p.core, k.channel FROM standin_private.pending_transaction p"
                                   " LEFT JOIN standin_private.transaction_key k ON k.core = p.core AND k.key = p.key"
                                   " WHERE p.ticket = $1");
    const pg::Rows rows = statement.run(ticket);
    if (rows.empty())
        return false;
    if (asksAboutAll(caller))
        return true;
    if (rows[0].isNull(1))
        return false;
    const std::string channel = rows[0].get<std::string>(1);
    const std::vector<std::string> own = channelsOf(operationGrants(rows[0].get<std::string>(0)), caller);
    return std::ranges::find(own, channel) != own.end();
}

} // namespace standin::core

/// Rows of (ticket, status, message, account, amount, operation, reference, accepted_at, changed_at). In C, because
/// what a caller may see goes by the role that calls, which a SECURITY DEFINER function inside another one cannot know.
STANDIN_FUNCTION(standin_transaction_status) {
    using namespace standin;
    pg::call([fcinfo] { pg::materializeResult(fcinfo); });
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_VOID();
    const auto argument = [&](int number) {
        return std::string(pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); }));
    };
    const std::string asked = argument(0), key = argument(1);
    const Oid caller = GetUserId();
    const pg::OwnerScope owner;
    const pg::Spi spi;
    const bool all = core::asksAboutAll(caller);
    std::vector<std::string> channels = core::channelsOf(core::operationGrants(asked), caller);
    if (all && (channels.empty() || !channels.front().empty()))
        channels.insert(channels.begin(), "");
    std::vector<std::string> keys;
    for (const std::string& channel : channels)
        keys.push_back(core::keyAtCore(channel, key));
    static pg::Statement statement(
        "SELECT p.ticket, p.state, standin_private.state_message(p.state, p.promised, p.message), p.account, p.amount,"
        "       p.operation, p.reference, p.accepted_at, p.changed_at"
        "  FROM unnest($2, $3) own (key, channel)"
        "  JOIN standin_private.transaction_key k ON k.core = $1 AND k.key = own.key"
        "   AND (k.channel = own.channel OR (own.channel = '' AND $4))"
        "  JOIN standin_private.pending_transaction p ON p.ticket = k.ticket AND p.account = k.account");
    statement.run(asked, keys, channels, all);
    auto* result = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    pg::call([&] {
        for (uint64_t i = 0; i < SPI_tuptable->numvals; ++i)
            tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
    });
    PG_RETURN_VOID();
}
