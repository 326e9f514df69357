#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

#include "kafka/options.h"

namespace standin::kafka {

/// What a client of librdkafka is made of: a server's options, and what the client insists on.
class ClientConfig {
public:
    /// `defaults`: what the server's options may change.
    explicit ClientConfig(const Properties& properties, const Properties& defaults = {});

    /// Throws Error (HV00D) if librdkafka does not take it; never with the value, which may be a secret.
    void set(const std::string& name, const std::string& value);
    rd_kafka_conf_t* get() const { return conf_.get(); }

    /// Once. Throws Error (HV00N) if there can be no such client.
    rd_kafka_t* create(rd_kafka_type_t type);

private:
    std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> conf_;
};

/// What a client complains about, with what may be behind it.
std::string explained(const std::string& complaint);

} // namespace standin::kafka
