#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;

namespace standin::core {

/// libpq keywords and values of a postgres core, the secret ones included. Never shown.
struct ConnectionOptions {
    std::vector<std::string> keywords;
    std::vector<std::string> values;
    bool passwordRequired = true;

    bool has(std::string_view keyword) const; ///< with a value
    bool operator==(const ConnectionOptions&) const = default;
};

/// Begins to connect with these options and nothing else: none of libpq's environment variables, no password or service
/// file, no client certificate and no Kerberos ticket of the operating system's user, who is this server's, not the
/// core's customer. (Of his home directory, only ~/.postgresql/root.crt and root.crl are read: they can refuse a core,
/// never let anybody in.) `statementTimeout`: after which the core gives a statement up. Null if there is no memory.
pg_conn* startConnection(const ConnectionOptions& options, std::chrono::milliseconds statementTimeout);

/// PQconnectPoll, under the same conditions.
int pollConnection(pg_conn* connection);

/// What libpq says about a failed connection, on one line and without the place in the core's source code.
std::string connectionFailure(const char* libpqMessage);

/// Whether the failure is the core's "too many connections" (53300): it is busy, not gone.
bool tooManyConnections(const char* libpqMessage);

} // namespace standin::core
