#pragma once

#include <chrono>
#include <memory>

#include "base/backoff.h"
#include "cdc/config/source_config_pg.h"
#include "kafka/producer.h"

namespace standin::cdc {

/// Sends the signals that were asked for to the source's connector, one after the other, at least once each: into a
/// table as its owner, in the transaction that marks the signal sent, or into a topic, marked once Kafka has it.
class SignalSender {
public:
    SignalSender(kernel::Worker& worker, std::string source, const SourceConfig& config)
        : worker_(worker), source_(std::move(source)), properties_(config.properties) {}

    /// Whether something is asked for. Needs a transaction.
    void look();
    /// Never waits for the network longer than a foreign table does.
    void attend();
    /// How long the worker may sleep.
    std::chrono::milliseconds patience() const;

private:
    struct Signal {
        std::string id;
        std::optional<Oid> table;
        std::string insert; ///< for the table
        std::string topic;
        std::string key;
        std::string value;
    };

    std::optional<Signal> next();
    void begin(const Signal& signal);
    void insert(const Signal& signal);
    void finish(const std::string& error);

    kernel::Worker& worker_;
    const std::string source_;
    const kafka::Properties properties_;
    std::unique_ptr<kafka::Producer> producer_;
    std::string underWay_; ///< the signal's id, or empty
    bool due_ = false;
    RetryClock clock_{std::chrono::seconds(1), std::chrono::minutes(1)};
};

} // namespace standin::cdc
