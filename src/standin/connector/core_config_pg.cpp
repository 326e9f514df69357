#include "standin/connector/core_config_pg.h"

#include "pg/spi.h"
#include "standin/connector/function_pg.h"
#include "standin/connector/postgres_pg.h"

namespace standin::core {

CoreConfig loadCoreConfig(const std::string& core) {
    static pg::Statement statement(
        "SELECT connector, coalesce(server, ''), coalesce(connector_role, ''), post_function, "
        "coalesce(inquire_function, ''),"
        "       coalesce(probe_function, ''), (extract(epoch FROM probe_interval) * 1000)::bigint,"
        "       (extract(epoch FROM call_timeout) * 1000)::bigint, replay_rate, replay_connections, attempts_maximum,"
        "       connections_maximum, answer_kilobytes, coalesce(witness_function, '')"
        "  FROM standin_private.core WHERE core = $1");
    const pg::Rows rows = statement.run(core);
    if (rows.empty())
        throw Error("42704", "core \"" + core + "\" is not defined");
    const pg::Row row = rows[0];
    CoreConfig config{.core = core,
                      .connector = row.get<std::string>(0),
                      .server = row.get<std::string>(1),
                      .role = row.get<std::string>(2),
                      .postFunction = row.get<std::string>(3),
                      .inquireFunction = row.get<std::string>(4),
                      .probeFunction = row.get<std::string>(5),
                      .witnessFunction = row.get<std::string>(13),
                      .probeInterval = std::chrono::milliseconds(row.get<int64_t>(6)),
                      .callTimeout = std::chrono::milliseconds(row.get<int64_t>(7)),
                      .replayRate = row.get<double>(8),
                      .connections = row.get<int32_t>(9),
                      .attemptsMaximum = row.get<int32_t>(10),
                      .connectionsMaximum = row.get<int32_t>(11),
                      .answerBytes = static_cast<size_t>(row.get<int32_t>(12)) * 1024,
                      .connection = {}};
    if (config.synchronous())
        config.connections = 1;
    else
        config.connection = loadConnectionOptions(config.server);
    return config;
}

std::unique_ptr<Connector> makeConnector(const CoreConfig& config) {
    if (config.synchronous())
        return std::make_unique<FunctionConnector>(config);
    return std::make_unique<PostgresConnector>(config);
}

} // namespace standin::core
