#pragma once

#include <librdkafka/rdkafka.h>

#include <optional>
#include <string>

#include "kafka/options.h"

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

    /// Nothing while it is under way; then why it was not delivered (librdkafka no longer tries), or an empty text if
    /// it was.
    std::optional<std::string> poll();

private:
    static void onReport(rd_kafka_t*, const rd_kafka_message_t* message, void* self) noexcept;
    static void onError(rd_kafka_t*, int error, const char* reason, void* self) noexcept;

    rd_kafka_t* client_ = nullptr;
    std::optional<std::string> report_;
    std::string lastError_; ///< what the client last complained about in general
};

} // namespace standin::kafka
