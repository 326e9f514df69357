#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <vector>

#include "kafka/consumer.h"

namespace standin::kafka {

using PartitionList =
    std::unique_ptr<rd_kafka_topic_partition_list_t, decltype(&rd_kafka_topic_partition_list_destroy)>;

inline PartitionList listOf(const std::vector<TopicPartition>& partitions) {
    PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())),
                       rd_kafka_topic_partition_list_destroy);
    for (const TopicPartition& partition : partitions)
        rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition)->offset =
            partition.offset;
    return list;
}

} // namespace standin::kafka
