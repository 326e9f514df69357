#pragma once

#include <vector>

#include "kafka/consumer.h"

namespace standin::cdc {

struct PartitionState;

/// Messages that are applied together.
struct Batch {
    kafka::MessageBatch messages;
    std::vector<PartitionState*> origins; ///< by message; null if there is nothing to apply

    bool empty() const { return messages.empty(); }
    void clear();
    bool anythingToApply() const;

    /// Moves a message, and what follows it in its partition, behind all other partitions' messages. False if they are
    /// there already. Between partitions any order is right.
    bool putOff(size_t index);
};

} // namespace standin::cdc
