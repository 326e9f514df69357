#pragma once

#include <map>
#include <memory>
#include <vector>

#include "cdc/avro_records.h"
#include "cdc/change_applier_pg.h"
#include "cdc/key_change_pg.h"
#include "cdc/message_pg.h"
#include "cdc/open_letters_pg.h"
#include "cdc/position_marks.h"
#include "cdc/truncate_barrier_pg.h"
#include "cdc/truncate_scan_pg.h"
#include "kafka/kafka_pg.h"
#include "kafka/registry.h"

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

/// Decodes and applies one batch of messages in the current transaction: all of it, but for records that cannot be
/// decoded or stored, which become dead letters. Leaves the offsets to its caller.
class BatchApplier {
public:
    BatchApplier(std::string source, const SourceModes& modes, const kafka::Properties& properties);
    void setMessagePolicy(MessagePolicy policy) { messagePolicy_ = policy; }
    /// Other workers apply other partitions of the source.
    void setShared(bool shared) { shared_ = shared; }
    /// For topics of several partitions. The references outlive it.
    void setTruncates(TruncateBarrier& barrier, RangeReader& reader, kafka::HttpClient::Wait wait) {
        barrier_ = &barrier;
        reader_ = &reader;
        wait_ = std::move(wait);
    }
    /// The source's schema change topic is among what comes.
    void setReadsSchemaChanges(bool reads) { readsSchemaChanges_ = reads; }

    /// Fetches the Avro schemas that are new in these messages; before the transaction, which must not wait for a
    /// network. False if `wait` gave up.
    bool fetchSchemas(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions,
                      const kafka::HttpClient::Wait& wait);

    /// A message's value as JSON, to look into before it is applied; valid until the next call. Nothing if it cannot be
    /// read: applying it will tell why. May wait for the registry.
    std::optional<std::string_view> look(const kafka::Message& message, const kafka::HttpClient::Wait& wait);

    /// One entry a message; null for what is none of a known partition's.
    void apply(std::vector<std::unique_ptr<TargetTable>>& tables, const kafka::MessageBatch& messages,
               const std::vector<PartitionState*>& partitions);
    /// The transaction goes on with another batch.
    void goOn(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions);
    /// After the transaction has ended, one way or the other.
    void reset();
    /// Whether a conflict is thrown (ConflictPending) rather than made a dead letter of.
    void deferConflicts(bool defer) { defersConflicts_ = defer; }
    /// What operators should hear of the batches since it was last asked.
    std::vector<std::string> takeNotices() { return std::exchange(notices_, {}); }

private:
    std::optional<std::vector<std::string>> fetch(uint32_t id, const kafka::HttpClient::Wait& wait);
    /// What must happen between the changes before it and those after.
    struct Interlude {
        enum class Kind : uint8_t { Message, KeyLeaves, KeyArrives } kind;
        size_t change; ///< index of the change that it precedes, or that is the half of a changed key
        uint32_t message;
        uint32_t table;
        Event event;
    };

    void clear();
    void decode(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions);
    bool evolveFor(const PartitionState& partition, const kafka::MessageBatch& messages,
                   const std::vector<PartitionState*>& partitions);
    void applyDecoded(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions);
    void decodeOne(const kafka::Message& message, uint32_t index, PartitionState& partition, Record& record);
    void takeUndecodable(const kafka::Message& message, const Record& record, PartitionState& partition,
                         const kafka::Failure& failure);
    std::optional<kafka::Failure> decodeIntoShape(const kafka::Message& message, uint32_t index,
                                                  PartitionState& partition, Record& record,
                                                  const kafka::MessageBatch& messages,
                                                  const std::vector<PartitionState*>& partitions);
    bool isSeen(const Event& event, PartitionState& partition);
    TableDecoder& decoderOf(const PartitionState& partition);
    void takeRow(Event& event, const Record& record, const kafka::Message& message, uint32_t index,
                 PartitionState& partition);
    bool comesByBarrier(const Event& event, const PartitionState& partition) const;
    bool isTruncated(const Event& event, PartitionState& partition);
    bool isAppliedBeyond(const Event& truncate, uint32_t index, const std::vector<PartitionState*>& partitions) const;
    void takeTruncate(const TargetTable& table, const Event& event, PartitionState& partition);
    void applyTruncate(uint32_t index, const kafka::MessageBatch& messages,
                       const std::vector<PartitionState*>& partitions);
    void truncate(const Event& event, uint32_t index, const kafka::MessageBatch& messages,
                  const std::vector<PartitionState*>& partitions);
    TouchedKeys::Seen decodeAgain(TableDecoder& decoder, EventDecoder& events, Arena& arena,
                                  const kafka::Message& message, TargetTable& table);
    void takeMessage(const Event& event, uint32_t index, PartitionState& partition);
    void addFiltered(Mapped mapped, const Event& event, uint32_t index, PartitionState& partition);
    void count(PartitionState::Counts& counts, const Event& event);
    void applyRange(size_t first, size_t last, const kafka::MessageBatch& messages,
                    const std::vector<PartitionState*>& partitions);
    Record readable(const kafka::Message& message);
    void perform(const Interlude& interlude, const kafka::MessageBatch& messages);
    void arrive(const KeyChange& change, const Interlude& interlude, const kafka::Message& message);
    const Cell* keyIn(const char* header, TargetTable& table, const kafka::Message& message);
    void finishKeyChanges(const kafka::MessageBatch& messages);
    void bury(const kafka::Message& message, PartitionState& partition, const kafka::Failure& failure);
    void supersedeLetters(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions);

    std::string source_;
    bool defersConflicts_ = false;
    SourceModes modes_;
    AvroRecords avro_;
    std::optional<kafka::SchemaRegistry> registry_;
    Arena arena_;
    Arena lookArena_;
    EventDecoder decoder_;
    ChangeApplier applier_;
    std::vector<Interlude> interludes_;
    std::optional<Event> pendingTruncate_; ///< decoded last, to be applied before anything else is
    TruncateBarrier* barrier_ = nullptr;
    RangeReader* reader_ = nullptr;
    kafka::HttpClient::Wait wait_;
    MessagePolicy messagePolicy_;
    TableDecoder messageDecoder_{Target{}};
    std::vector<std::string> notices_;
    std::vector<Change> changes_;
    std::vector<bool> buried_;                       ///< by change
    std::map<const PartitionState*, int64_t> given_; ///< what batches before it in this transaction had: up to there
    bool tableLags_ = false;                         ///< the table has to change for the record decoded last
    OpenLetters letters_;
    bool shared_ = false;
    bool readsSchemaChanges_ = false;
    std::vector<std::unique_ptr<TargetTable>>* tables_ = nullptr;
};

} // namespace standin::cdc
