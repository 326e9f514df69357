#pragma once

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>

#include "kafka/options.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

/// Sends single records, idempotently. No call waits for the network.
class Producer {
public:
    explicit Producer(const Properties& properties);
    Producer(const Producer&) = delete;
    Producer& operator=(const Producer&) = delete;
    /// librdkafka's threads stay until the process ends: to join them may take as long as its timeouts.
    ~Producer() = default;

    /// Hands one record over; `poll` says what became of it. One at a time.
    void send(const std::string& topic, const std::string& key, const std::string& value);

    struct Report {
        bool delivered;
        std::string error; ///< if it was not: after this librdkafka no longer tries
    };
    /// Nothing while it is under way. Sleep on wakeupDescriptor() in between.
    std::optional<Report> poll();
    int wakeupDescriptor() const { return wakeup_.readEnd(); }
    /// What the client last complained about.
    const std::string& lastError() const { return lastError_; }

private:
    static void onReport(rd_kafka_t*, const rd_kafka_message_t* message, void* self) noexcept;
    static void onError(rd_kafka_t*, int error, const char* reason, void* self) noexcept;

    Wakeup wakeup_;
    rd_kafka_t* client_ = nullptr;
    std::optional<Report> report_;
    std::string lastError_;
};

} // namespace standin::kafka
