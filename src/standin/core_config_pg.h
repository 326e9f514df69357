#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "standin/connector.h"

namespace standin::core {

/// libpq keywords and values of a postgres core, the secret ones included. Never shown.
struct ConnectionOptions {
    std::vector<std::string> keywords;
    std::vector<std::string> values;
    bool passwordRequired = true;

    bool operator==(const ConnectionOptions&) const = default;
};

struct CoreConfig {
    std::string core;
    std::string connector;
    std::string server;
    std::string role;
    std::string postFunction;
    std::string inquireFunction; ///< empty: the core cannot be asked
    std::string probeFunction;
    std::chrono::milliseconds probeInterval{};
    std::chrono::milliseconds callTimeout{};
    double replayRate = 0;
    int connections = 1;
    int attemptsMaximum = 10;
    ConnectionOptions connection;

    bool synchronous() const { return connector == "function"; }
    bool operator==(const CoreConfig&) const = default;
};

/// Throws Error 42704 if the core is not defined. Inside pg::OwnerScope with SPI connected.
CoreConfig loadCoreConfig(const std::string& core);

/// Server and user-mapping options of a standin_postgres server.
ConnectionOptions loadConnectionOptions(const std::string& server);

/// A synchronous connector's calls must be made inside a transaction with SPI connected, and outside pg::OwnerScope.
std::unique_ptr<Connector> makeConnector(const CoreConfig& config);

} // namespace standin::core
