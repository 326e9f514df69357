#include <memory>

#include "base/error.h"
#include "kafka/consumer.h"

// What a consumer asks the cluster besides fetching: each question waits for its answer, as long as it is told to.
namespace standin::kafka {

std::optional<Watermarks> Consumer::askWatermarks(const std::string& topic, int32_t partition,
                                                  int timeoutMilliseconds) {
    const SignalMask mask;
    Watermarks marks{};
    if (rd_kafka_query_watermark_offsets(client_, topic.c_str(), partition, &marks.low, &marks.high,
                                         timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return marks;
}

std::optional<int64_t> Consumer::askOffsetAt(const std::string& topic, int32_t partition, int64_t milliseconds,
                                             int timeoutMilliseconds) {
    const SignalMask mask;
    const std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)> list(
        rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_destroy);
    rd_kafka_topic_partition_t* entry = rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
    entry->offset = milliseconds;
    if (rd_kafka_offsets_for_times(client_, list.get(), timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        entry->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return entry->offset;
}

void Consumer::readFrom(const TopicPartition& place) {
    const SignalMask mask;
    const std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)> list(
        rd_kafka_topic_partition_list_new(1), rd_kafka_topic_partition_list_destroy);
    rd_kafka_topic_partition_list_add(list.get(), place.topic.c_str(), place.partition)->offset = place.offset;
    if (const auto error = rd_kafka_assign(client_, list.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw Error("HV000", std::string("could not assign a partition: ") + rd_kafka_err2str(error));
}

} // namespace standin::kafka
