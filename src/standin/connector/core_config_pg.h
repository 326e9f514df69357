#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "standin/connector/connector.h"
#include "standin/connector/core_connection.h"

namespace standin::core {

struct CoreConfig {
    std::string core;
    std::string connector;
    std::string server;
    std::string role;
    std::string postFunction;
    std::string inquireFunction; ///< empty: the core cannot be asked
    std::string probeFunction;
    std::string witnessFunction; ///< empty: the core keeps no mark of this database
    std::chrono::milliseconds probeInterval{};
    std::chrono::milliseconds callTimeout{};
    double replayRate = 0;
    int connections = 1;
    int attemptsMaximum = 10;
    int connectionsMaximum = 20;
    size_t answerBytes = 1 << 20;
    ConnectionOptions connection;

    bool synchronous() const { return connector == "function"; }
    /// Connections for sessions: the rest belongs to replay and to the prober.
    int sessionConnections() const { return std::max(1, connectionsMaximum - connections - 1); }
    bool operator==(const CoreConfig&) const = default;
};

/// Throws Error 42704 if the core is not defined. Inside pg::OwnerScope with SPI connected.
CoreConfig loadCoreConfig(const std::string& core);

/// Server and user-mapping options of a standin_postgres server.
ConnectionOptions loadConnectionOptions(const std::string& server);

/// A synchronous connector's calls must be made inside a transaction with SPI connected, and outside pg::OwnerScope.
std::unique_ptr<Connector> makeConnector(const CoreConfig& config);

} // namespace standin::core
