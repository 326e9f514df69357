#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <sys/mman.h>

#include "standin/connector/core_connection.h"
#include "standin/connector/memory_allowance.h"

using namespace standin::core;
using namespace std::chrono_literals;

namespace {

/// Environment variables of libpq, set to values that nothing else has, for as long as it lives.
class Poisoned {
public:
    Poisoned() {
        PQconninfoOption* options = PQconndefaults();
        for (PQconninfoOption* option = options; option->keyword; ++option)
            if (option->envvar)
                names.emplace_back(option->envvar);
        PQconninfoFree(options);
        names.insert(names.end(), {"PGSERVICEFILE", "PGREQUIRESSL"});
        for (const std::string& name : names)
            setenv(name.c_str(), "poison", 1);
    }
    ~Poisoned() {
        for (const std::string& name : names)
            unsetenv(name.c_str());
    }
    std::vector<std::string> names;
};

std::vector<std::pair<std::string, std::string>> optionsOf(PGconn* connection) {
    std::vector<std::pair<std::string, std::string>> result;
    PQconninfoOption* options = PQconninfo(connection);
    for (PQconninfoOption* option = options; option && option->keyword; ++option)
        result.emplace_back(option->keyword, option->val ? option->val : "");
    PQconninfoFree(options);
    return result;
}

const ConnectionOptions plain{{"host", "port", "user", "password"}, {"127.0.0.1", "1", "bank", "secret"}};

} // namespace

TEST(CoreConnection, NoVariableOfTheEnvironmentReachesLibpq) {
    const Poisoned poisoned;
    EXPECT_GT(poisoned.names.size(), 20u);
    PGconn* connection = startConnection(plain, 3000ms);
    ASSERT_NE(connection, nullptr);
    const auto options = optionsOf(connection);
    EXPECT_GT(options.size(), 30u);
    for (const auto& [keyword, value] : options)
        EXPECT_EQ(value.find("poison"), std::string::npos) << keyword;
    EXPECT_EQ(std::string(PQerrorMessage(connection)).find("poison"), std::string::npos); // a service that is not there
    pollConnection(connection);
    PQfinish(connection);
    EXPECT_STREQ(getenv("PGPASSWORD"), "poison"); // others still see it
}

TEST(CoreConnection, TheUsersFilesAreOutOfReach) {
    PGconn* connection = startConnection(plain, 3000ms);
    ASSERT_NE(connection, nullptr);
    for (const auto& [keyword, value] : optionsOf(connection))
        if (keyword == "passfile" || keyword == "sslcert" || keyword == "sslkey") {
            EXPECT_TRUE(value.starts_with("/dev/null/")) << keyword;
        } else if (keyword == "gssencmode") {
            EXPECT_EQ(value, "disable");
        } else if (keyword == "krbsrvname") {
            EXPECT_NE(value, "postgres");
        }
    PQfinish(connection);
    ConnectionOptions own = plain;
    own.keywords.push_back("sslcert");
    own.values.push_back("/etc/bank/client.crt");
    connection = startConnection(own, 3000ms);
    for (const auto& [keyword, value] : optionsOf(connection))
        if (keyword == "sslcert")
            EXPECT_EQ(value, "/etc/bank/client.crt");
    PQfinish(connection);
}

TEST(CoreConnection, AFailureIsOneLineWithoutThePlaceInTheSource) {
    const char* said = "connection to server at \"127.0.0.1\", port 1 failed: FATAL:  53300: sorry, too many clients "
                       "already\nLOCATION:  InitProcess, proc.c:353\n";
    EXPECT_EQ(connectionFailure(said),
              "connection to server at \"127.0.0.1\", port 1 failed: FATAL: 53300: sorry, too many clients already");
    EXPECT_TRUE(tooManyConnections(said));
    EXPECT_FALSE(tooManyConnections("FATAL:  57P03: the database system is starting up\n"));
    EXPECT_EQ(connectionFailure(""), "connection lost");
    EXPECT_LE(connectionFailure(std::string(1 << 20, 'x').c_str()).size(), 8192u);
}

TEST(MemoryAllowance, EndsWhereItEnds) {
    constexpr size_t half = 8 << 20;
    size_t left = 2 * half;
    const auto map = [](size_t bytes) {
        return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    };
    void* first = nullptr;
    {
        const MemoryAllowance allowance(left);
        EXPECT_EQ(map(4 * half), MAP_FAILED);
        first = map(half);
        EXPECT_NE(first, MAP_FAILED);
    }
    EXPECT_LE(left, half + half / 2);
    {
        const MemoryAllowance allowance(left);
        EXPECT_EQ(map(2 * half), MAP_FAILED); // the second time it has what the first left
    }
    munmap(first, half);
    void* much = map(4 * half); // and outside it has what it wants
    EXPECT_NE(much, MAP_FAILED);
    munmap(much, 4 * half);
}
