#pragma once

#include <vector>

#include "kafka/consumer.h"

namespace standin::cdc {

struct PartitionState;

/// Messages that are applied together.
class Batch {
public:
    kafka::MessageBatch messages;
    std::vector<PartitionState*> origins; ///< by message; null if there is nothing to apply

    bool empty() const { return messages.empty(); }
    void clear();
    bool anythingToApply() const;

    /// Moves a message, and what follows it in its partition, behind all other partitions' messages. False if they are
    /// there already. Between partitions any order is right.
    bool putOff(size_t index);

    /// Leaves a message, and what follows it in its partition, out of what is applied.
    void leave(size_t index);
    bool anythingLeft() const { return !left.empty(); }
    /// It is to be applied after all.
    void takeBack();
    /// The rest is committed: what was left is the batch now.
    void keepLeft();

private:
    std::vector<PartitionState*> left; ///< by message: whose it is if it was left; empty if none was
};

} // namespace standin::cdc
