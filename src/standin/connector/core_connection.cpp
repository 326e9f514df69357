#include "standin/connector/core_connection.h"

#include <algorithm>
#include <libpq-fe.h>
#include <sstream>
#include <unistd.h>

#include "base/text.h"
#include "standin/connector/memory_allowance.h"

namespace standin::core {

namespace {

// An empty value counts as none in libpq and is looked for elsewhere, so "no file" is one that cannot exist.
constexpr const char* noFile = "/dev/null/none";
constexpr const char* noService = "none";

constexpr size_t connectingMemory = 64 << 20; // certificates of authorities take some

/// Hides libpq's environment variables from libpq. The strings stay where they are: other threads that read the
/// environment meanwhile see the one or the other.
class HiddenEnvironment {
public:
    HiddenEnvironment() : before_(environ) {
        for (char** variable = environ; variable && *variable; ++variable)
            if (const std::string_view text(*variable); !text.starts_with("PG") || text.starts_with("PGLOCALEDIR="))
                kept_.push_back(*variable);
        kept_.push_back(nullptr);
        environ = kept_.data();
    }
    ~HiddenEnvironment() { environ = before_; }
    HiddenEnvironment(const HiddenEnvironment&) = delete;
    HiddenEnvironment& operator=(const HiddenEnvironment&) = delete;

private:
    char** before_;
    std::vector<char*> kept_;
};

/// Whether this version of libpq has the option.
bool known(std::string_view keyword) {
    static const std::vector<std::string> keywords = [] {
        std::vector<std::string> all;
        PQconninfoOption* options = PQconndefaults();
        for (PQconninfoOption* option = options; option && option->keyword; ++option)
            all.emplace_back(option->keyword);
        PQconninfoFree(options);
        return all;
    }();
    return std::find(keywords.begin(), keywords.end(), keyword) != keywords.end();
}

/// "LOCATION:  InitProcess, proc.c:353", in whatever language.
bool namesSourceCode(std::string_view line) {
    const size_t colon = line.rfind(".c:");
    return colon != std::string_view::npos && line.find(", ") < colon && line.size() > colon + 3 &&
           line.find_first_not_of("0123456789", colon + 3) == std::string_view::npos;
}

} // namespace

bool ConnectionOptions::has(std::string_view keyword) const {
    for (size_t i = 0; i < keywords.size(); ++i)
        if (keywords[i] == keyword && !values[i].empty())
            return true;
    return false;
}

pg_conn* startConnection(const ConnectionOptions& options, std::chrono::milliseconds statementTimeout) {
    const HiddenEnvironment hidden;
    size_t memory = connectingMemory;
    const MemoryAllowance allowance(memory);
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    const auto add = [&](const char* keyword, const char* value) {
        keywords.push_back(keyword);
        values.push_back(value);
    };
    for (size_t i = 0; i < options.keywords.size(); ++i)
        add(options.keywords[i].c_str(), options.values[i].c_str());
    const std::string limit = "-c statement_timeout=" + std::to_string(statementTimeout.count());
    add("options", limit.c_str());
    add("client_encoding", "UTF8");
    add("gssencmode", "disable");
    add("passfile", noFile);
    for (const char* file : {"sslcert", "sslkey"})
        if (!options.has(file))
            add(file, noFile);
    if (options.passwordRequired) {
        add("krbsrvname", noService); // there is no ticket for such a service
        if (known("require_auth"))
            add("require_auth", "password,md5,scram-sha-256");
    }
    add(nullptr, nullptr);
    pg_conn* connection = PQconnectStartParams(keywords.data(), values.data(), 0);
    if (connection) {
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE); // libpq tells the SQLSTATE of a refusal nowhere else
        PQsetNoticeReceiver(
            connection, [](void*, const PGresult*) {}, nullptr); // it would write into this server's log
    }
    return connection;
}

int pollConnection(pg_conn* connection) {
    const HiddenEnvironment hidden;
    size_t memory = connectingMemory;
    const MemoryAllowance allowance(memory);
    return PQconnectPoll(connection);
}

std::string connectionFailure(const char* libpqMessage) {
    std::string message;
    std::istringstream lines(foreignText(libpqMessage));
    for (std::string line; std::getline(lines, line);) {
        if (namesSourceCode(line))
            continue;
        std::istringstream words(line);
        for (std::string word; words >> word;)
            message.append(message.empty() ? "" : " ").append(word);
    }
    return message.empty() ? "connection lost" : message;
}

bool tooManyConnections(const char* libpqMessage) {
    return std::string_view(libpqMessage).find(":  53300: ") != std::string_view::npos;
}

} // namespace standin::core
