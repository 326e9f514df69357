#pragma once

#include <librdkafka/rdkafka.h>

#include <string>
#include <string_view>

#include "kafka/transactional_producer.h"

namespace standin::outbox {

/// An event's headers, a JSON object of texts and nulls.
kafka::RecordHeaders headersOf(std::string_view json);

/// What a record that was not delivered asks for.
struct Fault {
    bool own; ///< the record's: to send it again changes nothing
    std::string remedy;
};

Fault faultOf(rd_kafka_resp_err_t code, const std::string& topic);

} // namespace standin::outbox
