#include "outbox/record.h"

#include <simdjson.h>

#include "base/error.h"

namespace standin::outbox {

kafka::RecordHeaders headersOf(std::string_view json) {
    kafka::RecordHeaders headers;
    if (json.empty())
        return headers;
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    if (parser.parse(json.data(), json.size()).get(object))
        throw Error("XX001", "headers of an event are no JSON object");
    for (const auto& [name, value] : object) {
        std::string_view text;
        if (!value.get(text))
            headers.emplace_back(name, std::string(text));
        else if (value.is_null())
            headers.emplace_back(name, std::nullopt);
        else
            throw Error("XX001", "a header of an event is no text");
    }
    return headers;
}

Fault faultOf(rd_kafka_resp_err_t code, const std::string& topic) {
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return {true, "raise max.message.bytes of topic " + topic + " in Kafka, or call standin.outbox_event_discard"};
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        return {true, "create topic " + topic + " in Kafka"};
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return {true, "give topic " + topic + " more partitions, or call standin.outbox_event_discard"};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return {true, "allow the relay's principal to WRITE and DESCRIBE topic " + topic};
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        return {true, "topic " + topic +
                          " refuses the record (a compacted topic needs keys): change its settings, or call "
                          "standin.outbox_event_discard"};
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return {true, "change the settings of topic " + topic + ", or call standin.outbox_event_discard"};
    default:
        return {false, ""};
    }
}

} // namespace standin::outbox
