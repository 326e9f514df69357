#include "outbox/mark_topic_pg.h"

#include <algorithm>

#include "kafka/topic_admin.h"
#include "outbox/record.h"

namespace standin::outbox {

using namespace std::chrono_literals;

namespace {

constexpr int askPatience = 200;                      // milliseconds that a question waits inside the library
constexpr int64_t firstLook = 1000, furtherLook = 20; // records from the end; how much further back next

} // namespace

std::string MarkTopic::command() const {
    return "kafka-topics.sh --bootstrap-server ... --create --topic " + config_.markTopic +
           " --partitions 1 --config cleanup.policy=compact";
}

void MarkTopic::waitFor(const std::string& what, const std::string& complaint) {
    trouble_.show("retrying", complaint.empty() ? what : what + ": " + complaint);
    rest_(200ms, {});
}

kafka::Consumer& MarkTopic::newConsumer() {
    if (!consumers_.empty())
        consumers_.back()->readNothing();
    consumers_.reserve(consumers_.size() + 1);
    consumers_.push_back(std::make_unique<kafka::Consumer>(config_.properties, "pg_standin.relay." + config_.relay,
                                                           kafka::ConsumerLimits{1024}));
    return *consumers_.back();
}

kafka::Consumer& MarkTopic::consumer() { return consumers_.empty() ? newConsumer() : *consumers_.back(); }

kafka::TopicAnswer MarkTopic::ask(const std::string& topic) {
    while (true) {
        consumer().clearError();
        const auto answer = consumer().askTopic(topic, askPatience);
        if (answer && (answer->error == RD_KAFKA_RESP_ERR_NO_ERROR || faultOf(answer->error, topic).own))
            return *answer;
        kafka::MessageBatch none;
        consumer().poll(none, 1, 1); // for the library's complaints
        waitFor("asks Kafka for topic " + topic, consumer().lastError());
    }
}

void MarkTopic::require() {
    while (true) {
        const kafka::TopicAnswer answer = ask(config_.markTopic);
        if (answer.error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
            create();
        } else if (answer.error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            trouble_.show("blocked", "mark topic " + config_.markTopic + ": " + rd_kafka_err2str(answer.error),
                          faultOf(answer.error, config_.markTopic).remedy);
            rest_(2s, {});
        } else if (answer.partitions > 1) {
            trouble_.show("blocked",
                          "mark topic " + config_.markTopic + " has " + std::to_string(answer.partitions) +
                              " partitions",
                          "delete it, and give: " + command());
            rest_(2s, {});
        } else if (const auto policy = cleanupPolicy(); !policy || *policy == "compact") {
            return;
        } else {
            trouble_.show("blocked",
                          "mark topic " + config_.markTopic + " has cleanup.policy " + *policy +
                              ", and would lose the mark",
                          "set its cleanup.policy to compact");
            rest_(2s, {});
        }
    }
}

void MarkTopic::create() {
    kafka::TopicAdmin admin(producer_.client());
    admin.create(config_.markTopic, 1, {{"cleanup.policy", "compact"}});
    std::optional<kafka::TopicAdmin::Answer> answer;
    while (!(answer = admin.poll()))
        rest_(50ms, {});
    if (answer->code == RD_KAFKA_RESP_ERR_NO_ERROR || answer->code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return rest_(100ms, {});
    trouble_.show("blocked",
                  "mark topic " + config_.markTopic + " does not exist and could not be created: " + answer->text,
                  "give: " + command());
    rest_(2s, {});
}

/// Who may not ask for it answers for it: a mark that is lost stops the relay, and doubles nothing.
std::optional<std::string> MarkTopic::cleanupPolicy() {
    kafka::TopicAdmin admin(producer_.client());
    while (true) {
        admin.describe(config_.markTopic);
        std::optional<kafka::TopicAdmin::Answer> answer;
        while (!(answer = admin.poll()))
            rest_(20ms, {});
        if (answer->code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            return std::nullopt;
        if (answer->code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return answer->settings["cleanup.policy"];
        waitFor("asks Kafka for the settings of topic " + config_.markTopic, answer->text);
    }
}

std::optional<std::string> MarkTopic::look(Reach reach) {
    kafka::Consumer& consumer = newConsumer();
    std::optional<kafka::Watermarks> ends;
    while (!(ends = consumer.askWatermarks(config_.markTopic, 0, askPatience)))
        waitFor("asks Kafka for the end of topic " + config_.markTopic, consumer.lastError());
    for (int64_t back = firstLook;; back *= furtherLook) {
        const int64_t from = std::max(ends->low, ends->high - back);
        const Found found = readFrom(consumer, from, reach);
        if (found.any || from == ends->low)
            return found.value;
    }
}

/// A mark of ours may stand behind a transaction of somebody else's that is still open: hence to the end. Before others
/// are fenced what is open may be the transaction of our process before, which fencing ends.
MarkTopic::Found MarkTopic::readFrom(kafka::Consumer& consumer, int64_t offset, Reach reach) {
    Found found;
    kafka::MessageBatch batch;
    consumer.readFrom({config_.markTopic, 0, offset});
    while (true) {
        batch.clear();
        consumer.poll(batch, 1000, SIZE_MAX);
        for (size_t i = 0; i < batch.size(); ++i) {
            const kafka::Message message = batch[i];
            if (message.error() == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                const auto ends = consumer.watermarks(config_.markTopic, 0);
                if (reach == Reach::Committed || (ends && message.offset() >= ends->high))
                    return found;
            } else if (message.error() != RD_KAFKA_RESP_ERR_NO_ERROR) {
                waitFor("reads topic " + config_.markTopic, message.errorText());
                consumer.readFrom({config_.markTopic, 0, offset});
                found = {};
            } else if (message.key() == config_.relay) {
                const auto value = message.value();
                found = {true, value ? std::optional<std::string>(*value) : std::nullopt};
            }
        }
        if (batch.empty())
            rest_(200ms, {consumer.wakeupDescriptor()});
    }
}

} // namespace standin::outbox
