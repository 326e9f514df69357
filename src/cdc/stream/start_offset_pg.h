#pragma once

#include "cdc/stream/partition.h"
#include "kernel/worker.h"

namespace standin::cdc {

/// Where to begin to read a partition, asked of Kafka before the first fetch.
struct Start {
    enum class Kind : uint8_t {
        NoAnswer, ///< ask again
        Read,     ///< from `offset` on
        Nothing,  ///< a replay that is done, or a partition that cannot go on: its state says why
    } kind;
    int64_t offset = 0;
};

/// Puts a pending seek into effect, in a transaction of its own; else sees whether Kafka still has what comes next. The
/// last record that was taken is read again if it is still there, to be compared by `recognise`: compaction and
/// retention may have removed it, then the watermarks alone decide.
Start findStart(kernel::Transactions& transactions, const std::string& source, kafka::Consumer& consumer,
                PartitionState& state);

/// For messages from before the position. False if this record is not the one that was taken there.
bool recognise(PartitionState& state, const kafka::Message& message);

/// Kafka refused the offset: true if it is gone for good, which the state then says; else ask again from the start.
bool isLost(kafka::Consumer& consumer, PartitionState& state);

} // namespace standin::cdc
