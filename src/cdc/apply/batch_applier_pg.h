#pragma once

#include <map>
#include <memory>
#include <vector>

#include "cdc/apply/key_change_pg.h"
#include "cdc/apply/logical_message_pg.h"
#include "cdc/apply/truncate_barrier_pg.h"
#include "cdc/apply/truncate_scan_pg.h"
#include "cdc/avro/records.h"
#include "cdc/dead_letter/dead_letter_keys_pg.h"
#include "cdc/event/duplicates.h"
#include "cdc/stream/partition.h"
#include "cdc/target/change_applier_pg.h"
#include "kafka/kafka_pg.h"
#include "kafka/registry.h"

namespace standin::cdc {

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
    /// Where the batch at hand stopped; empty if that is not known.
    std::string takePlace() { return std::exchange(place_, {}); }
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
        const Cell* oldKey = nullptr; ///< of a row that arrives, where no header says it
    };

    void clear();
    void decode(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions);
    template <class F> void atRecord(const kafka::Message& message, const PartitionState& partition, F&& f);
    void notePlace(const kafka::Message& message, const PartitionState& partition, bool exact,
                   const char* column = nullptr);
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
    void leaveOldKey(const Event& event, uint32_t index, const PartitionState& partition);
    void addFiltered(Mapped mapped, const Event& event, uint32_t index, PartitionState& partition);
    void count(PartitionState& partition, const Event& event);
    using Outcome = int64_t PartitionState::Counts::*;
    /// Each record is counted once, by the last that is said of it.
    void countAs(uint32_t index, PartitionState& partition, Outcome outcome);
    void countAs(PartitionState& partition, Outcome outcome) { countAs(decoding_, partition, outcome); }
    void applyRange(size_t first, size_t last, const kafka::MessageBatch& messages,
                    const std::vector<PartitionState*>& partitions);
    Record readable(const kafka::Message& message);
    void perform(const Interlude& interlude, const kafka::MessageBatch& messages);
    void arrive(const KeyChange& change, const Interlude& interlude, const kafka::Message& message);
    const Cell* oldKeyOf(const Interlude& interlude, TargetTable& table, const kafka::Message& message);
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
    std::string place_; ///< of the record that was at hand when something failed
    std::vector<Change> changes_;
    std::vector<bool> buried_;                       ///< by change
    std::vector<Outcome> outcomes_;                  ///< by message; null: none so far
    uint32_t decoding_ = 0;                          ///< index of the message being decoded
    std::map<const PartitionState*, int64_t> given_; ///< what batches before it in this transaction had: up to there
    bool tableLags_ = false;                         ///< the table has to change for the record decoded last
    OpenLetters letters_;
    bool shared_ = false;
    bool readsSchemaChanges_ = false;
    std::vector<std::unique_ptr<TargetTable>>* tables_ = nullptr;
};

} // namespace standin::cdc
