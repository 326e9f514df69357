#pragma once

#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

namespace standin::kafka {

/// Questions of Kafka's admin API, one at a time, by way of somebody's client. Nothing waits: ask, then poll.
class TopicAdmin {
public:
    explicit TopicAdmin(rd_kafka_t* client);
    TopicAdmin(const TopicAdmin&) = delete;
    TopicAdmin& operator=(const TopicAdmin&) = delete;

    struct Answer {
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
        std::string text{};                            ///< what went wrong
        std::map<std::string, std::string> settings{}; ///< of a topic that was asked about
    };

    /// With as many replicas as the brokers' default.
    void create(const std::string& topic, int partitions, const std::map<std::string, std::string>& settings);
    void describe(const std::string& topic);
    /// Nothing while it is under way.
    std::optional<Answer> poll();

private:
    rd_kafka_t* client_;
    std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue_;
};

} // namespace standin::kafka
