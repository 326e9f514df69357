#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "cdc/event/duplicates.h"
#include "cdc/event/topic_format.h"
#include "kafka/consumer.h"

namespace standin::cdc {

/// In place of a target's index: a partition of the source's message_topic, which has logical messages only, or of its
/// schema_topic.
inline constexpr uint32_t noTable = UINT32_MAX;

/// Where a partition stands, and what a batch adds to it.
struct PartitionState {
    std::string topic;
    int32_t partition = 0;
    uint32_t table = 0;      ///< index of the target, or noTable
    bool discovered = false; ///< Kafka has it
    bool reading = false;    ///< assigned to the consumer
    bool heartbeat = false;  ///< of a topic of Debezium's heartbeats
    bool alone = false;      ///< the topic has no other partition
    int64_t stored = 0;      ///< next offset as committed here
    int64_t next = 0;        ///< next offset once the batch at hand commits
    std::optional<int64_t> end;
    std::optional<int64_t> storedEnd;
    std::string clusterId;
    std::optional<int64_t> seek;            ///< an operator's wish that Kafka has still to be asked about
    std::optional<int64_t> stop;            ///< the first record that is not read any more
    std::optional<kafka::Fingerprint> last; ///< the last record taken, as committed here
    std::optional<kafka::Message> taken;    ///< the last record of the batch at hand
    std::string lost;                       ///< why it cannot go on, until an operator says where
    std::string stopped;                    ///< why its table cannot be written; it is tried again from `stored`

    bool goesOn() const { return lost.empty() && stopped.empty(); }
    bool done() const { return stop && stored >= *stop; }
    PositionMarks marks;
    bool marksLoaded = false;
    RecordForm form = RecordForm::Unknown; ///< of the last row
    RecordForm storedForm = RecordForm::Unknown;

    struct Counts {
        int64_t reads = 0, inserts = 0, updates = 0, deletes = 0, truncates = 0, messages = 0, ignored = 0;
        int64_t filtered = 0;   ///< by the mapping's row filter
        int64_t duplicates = 0; ///< seen before, by their position in the source's log
        int64_t incomplete = 0; ///< let through though their transaction was not whole
        int64_t unknownFields = 0, deadLetters = 0, bytes = 0, records = 0;
        int64_t sourceMicros = 0, debeziumMicros = 0;
    } counts; ///< of the batch at hand
};

/// A record that conflicts with what is in the tables, but may not do so once other records have come.
class ConflictPending : public Error {
public:
    ConflictPending(const std::string& message, uint32_t index) : Error("40001", message), index_(index) {}
    /// Of the message in its batch.
    uint32_t index() const { return index_; }

private:
    uint32_t index_;
};

} // namespace standin::cdc
