#include "base/error.h"
#include "kafka/partition_list.h"

// What a consumer asks the cluster besides fetching: each question waits for its answer, as long as it is told to.
namespace standin::kafka {

std::optional<int64_t> Consumer::askOffsetAt(const std::string& topic, int32_t partition, int64_t milliseconds,
                                             int timeoutMilliseconds) {
    const SignalMask mask;
    const PartitionList list = listOf({{topic, partition, milliseconds}});
    if (rd_kafka_offsets_for_times(client_, list.get(), timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        list->elems[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return list->elems[0].offset;
}

std::optional<Watermarks> Consumer::askWatermarks(const std::string& topic, int32_t partition,
                                                  int timeoutMilliseconds) {
    const SignalMask mask;
    Watermarks marks{};
    if (rd_kafka_query_watermark_offsets(client_, topic.c_str(), partition, &marks.low, &marks.high,
                                         timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    return marks;
}

rd_kafka_topic_t* Consumer::topicHandle(const std::string& topic) {
    rd_kafka_topic_t*& handle = topics_[topic];
    if (!handle)
        handle = rd_kafka_topic_new(client_, topic.c_str(), nullptr);
    if (!handle)
        throw Error("HV000", "could not use topic \"" + topic + "\": " + rd_kafka_err2str(rd_kafka_last_error()));
    return handle;
}

std::optional<TopicAnswer> Consumer::askTopic(const std::string& topic, int timeoutMilliseconds) {
    const SignalMask mask;
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client_, 0, topicHandle(topic), &metadata, timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    std::optional<TopicAnswer> answer;
    if (metadata->topic_cnt == 1) {
        answer = TopicAnswer{metadata->topics[0].err, metadata->topics[0].partition_cnt};
        if (answer->error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
            answer->error = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (answer->error != RD_KAFKA_RESP_ERR_NO_ERROR && answer->error != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            lastError_ = "topic \"" + topic + "\": " + rd_kafka_err2str(answer->error);
    }
    rd_kafka_metadata_destroy(metadata);
    return answer;
}

std::optional<int> Consumer::partitionCount(const std::string& topic, int timeoutMilliseconds) {
    const auto answer = askTopic(topic, timeoutMilliseconds);
    if (answer && answer->error == RD_KAFKA_RESP_ERR_NO_ERROR)
        return answer->partitions;
    if (answer && answer->error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return 0;
    return std::nullopt;
}

std::optional<std::map<std::string, int>> Consumer::topics(int timeoutMilliseconds) {
    const SignalMask mask;
    const rd_kafka_metadata_t* metadata = nullptr;
    if (rd_kafka_metadata(client_, 1, nullptr, &metadata, timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    std::map<std::string, int> found;
    for (int i = 0; i < metadata->topic_cnt; ++i)
        if (metadata->topics[i].err == RD_KAFKA_RESP_ERR_NO_ERROR)
            found.emplace(metadata->topics[i].topic, metadata->topics[i].partition_cnt);
    rd_kafka_metadata_destroy(metadata);
    return found;
}

std::optional<std::vector<TopicPartition>> Consumer::ends(std::vector<TopicPartition> partitions,
                                                          int timeoutMilliseconds) {
    const SignalMask mask;
    const PartitionList list = listOf(partitions);
    for (int i = 0; i < list->cnt; ++i)
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
    if (rd_kafka_offsets_for_times(client_, list.get(), timeoutMilliseconds) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return std::nullopt;
    for (int i = 0; i < list->cnt; ++i) {
        if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR || list->elems[i].offset < 0)
            return std::nullopt;
        partitions[static_cast<size_t>(i)].offset = list->elems[i].offset;
    }
    return partitions;
}

std::string Consumer::clusterId() const {
    char* id = rd_kafka_clusterid(client_, 0);
    std::string copy = id ? id : "";
    if (id)
        rd_kafka_mem_free(client_, id);
    return copy;
}

} // namespace standin::kafka
