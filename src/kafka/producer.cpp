#include "kafka/producer.h"

#include "base/error.h"
#include "kafka/client.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

Producer::Producer(const Properties& properties) {
    ClientConfig conf(properties);
    conf.set("enable.idempotence", "true");
    conf.set("message.timeout.ms", "10000");
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), onReport);
    rd_kafka_conf_set_error_cb(conf.get(), onError);
    rd_kafka_conf_set_log_cb(conf.get(), nullptr); // its own thread would write into the server's log
    const SignalMask mask;
    client_ = conf.create(RD_KAFKA_PRODUCER);
}

void Producer::send(const std::string& topic, const std::string& key, const std::string& value) {
    const SignalMask mask;
    report_.reset();
    const auto error = rd_kafka_producev(client_, RD_KAFKA_V_TOPIC(topic.c_str()),
                                         RD_KAFKA_V_KEY(const_cast<char*>(key.data()), key.size()),
                                         RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                                         RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw Error("HV000", "could not send to topic \"" + topic + "\": " + rd_kafka_err2str(error));
}

std::optional<std::string> Producer::poll() {
    const SignalMask mask;
    rd_kafka_poll(client_, 0);
    return report_;
}

// Both run inside poll(), on the caller's thread; nothing may escape into librdkafka's C frames.
void Producer::onReport(rd_kafka_t*, const rd_kafka_message_t* message, void* self) noexcept {
    try {
        auto* producer = static_cast<Producer*>(self);
        producer->report_.emplace();
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            *producer->report_ =
                rd_kafka_err2str(message->err) + (producer->lastError_.empty() ? "" : ": " + producer->lastError_);
    } catch (...) {
    }
}

void Producer::onError(rd_kafka_t*, int, const char* reason, void* self) noexcept {
    try {
        static_cast<Producer*>(self)->lastError_ = explained(reason);
    } catch (...) {
    }
}

} // namespace standin::kafka
