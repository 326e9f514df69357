#include "kafka/topic_admin.h"

#include "base/error.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

namespace {

constexpr int patience = 10000; // of the library: then the answer is that there was none

using Options = std::unique_ptr<rd_kafka_AdminOptions_t, decltype(&rd_kafka_AdminOptions_destroy)>;

Options optionsFor(rd_kafka_t* client, rd_kafka_admin_op_t operation) {
    Options options(rd_kafka_AdminOptions_new(client, operation), rd_kafka_AdminOptions_destroy);
    char reason[256];
    rd_kafka_AdminOptions_set_request_timeout(options.get(), patience, reason, sizeof(reason));
    return options;
}

void read(const rd_kafka_event_t* event, TopicAdmin::Answer& answer) {
    size_t count = 0;
    if (const auto* created = rd_kafka_event_CreateTopics_result(const_cast<rd_kafka_event_t*>(event))) {
        const rd_kafka_topic_result_t** topics = rd_kafka_CreateTopics_result_topics(created, &count);
        for (size_t i = 0; i < count; ++i)
            if (const auto code = rd_kafka_topic_result_error(topics[i]); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
                const char* text = rd_kafka_topic_result_error_string(topics[i]);
                answer.code = code;
                answer.text = text ? text : rd_kafka_err2str(code);
            }
    } else if (const auto* described = rd_kafka_event_DescribeConfigs_result(const_cast<rd_kafka_event_t*>(event))) {
        const rd_kafka_ConfigResource_t** resources = rd_kafka_DescribeConfigs_result_resources(described, &count);
        for (size_t i = 0; i < count; ++i) {
            if (const auto code = rd_kafka_ConfigResource_error(resources[i]); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
                const char* text = rd_kafka_ConfigResource_error_string(resources[i]);
                answer.code = code;
                answer.text = text ? text : rd_kafka_err2str(code);
            }
            size_t entries = 0;
            const rd_kafka_ConfigEntry_t** settings = rd_kafka_ConfigResource_configs(resources[i], &entries);
            for (size_t k = 0; k < entries; ++k)
                if (const char* value = rd_kafka_ConfigEntry_value(settings[k]))
                    answer.settings[rd_kafka_ConfigEntry_name(settings[k])] = value;
        }
    }
}

} // namespace

TopicAdmin::TopicAdmin(rd_kafka_t* client)
    : client_(client), queue_(rd_kafka_queue_new(client), rd_kafka_queue_destroy) {}

void TopicAdmin::create(const std::string& topic, int partitions, const std::map<std::string, std::string>& settings) {
    const SignalMask mask;
    char reason[256] = "";
    rd_kafka_NewTopic_t* wanted = rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, reason, sizeof(reason));
    if (!wanted)
        throw Error("HV000", "could not create topic \"" + topic + "\": " + reason);
    for (const auto& [name, value] : settings)
        rd_kafka_NewTopic_set_config(wanted, name.c_str(), value.c_str());
    rd_kafka_CreateTopics(client_, &wanted, 1, optionsFor(client_, RD_KAFKA_ADMIN_OP_CREATETOPICS).get(), queue_.get());
    rd_kafka_NewTopic_destroy(wanted);
}

void TopicAdmin::describe(const std::string& topic) {
    const SignalMask mask;
    rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str());
    rd_kafka_DescribeConfigs(client_, &resource, 1, optionsFor(client_, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS).get(),
                             queue_.get());
    rd_kafka_ConfigResource_destroy(resource);
}

std::optional<TopicAdmin::Answer> TopicAdmin::poll() {
    const SignalMask mask;
    const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
        rd_kafka_queue_poll(queue_.get(), 0), rd_kafka_event_destroy);
    if (!event)
        return std::nullopt;
    Answer answer;
    answer.code = rd_kafka_event_error(event.get());
    if (answer.code != RD_KAFKA_RESP_ERR_NO_ERROR)
        answer.text = rd_kafka_event_error_string(event.get());
    else
        read(event.get(), answer);
    return answer;
}

} // namespace standin::kafka
