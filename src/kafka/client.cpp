#include "kafka/client.h"

#include "base/error.h"
#include "kafka/registry.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

ClientConfig::ClientConfig(const Properties& properties, const Properties& defaults)
    : conf_(rd_kafka_conf_new(), rd_kafka_conf_destroy) {
    set("client.id", "pg_standin");
    for (const auto& [name, value] : defaults)
        set(name, value);
    for (const auto& [name, value] : properties)
        if (!isRegistryOption(name))
            set(name, value);
}

void ClientConfig::set(const std::string& name, const std::string& value) {
    char reason[512] = "";
    if (rd_kafka_conf_set(conf_.get(), name.c_str(), value.c_str(), reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
        throw Error("HV00D", "librdkafka does not take option \"" + name + "\"");
}

rd_kafka_t* ClientConfig::create(rd_kafka_type_t type) {
    const SignalMask mask;
    char reason[512] = "";
    rd_kafka_t* client = rd_kafka_new(type, conf_.get(), reason, sizeof(reason));
    if (!client)
        throw Error("HV00N", std::string("could not create a Kafka client: ") + reason);
    conf_.release(); // now the client's
    return client;
}

/// Before 2.6.1 librdkafka sent its nonce twice (librdkafka#4895), which brokers before Kafka 4 let pass.
std::string explained(const std::string& complaint) {
    constexpr int repaired = 0x02060100;
    if (rd_kafka_version() >= repaired || complaint.find("Authentication failed") == std::string::npos ||
        complaint.find("SCRAM") == std::string::npos)
        return complaint;
    return std::string("librdkafka ") + rd_kafka_version_str() +
           " cannot do SCRAM with Kafka 4 (2.6.1 can): " + complaint;
}

} // namespace standin::kafka
