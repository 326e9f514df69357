#include "cdc/batch_pg.h"

#include "cdc/confirm_pg.h"
#include "cdc/evolution_pg.h"
#include "cdc/key_change_pg.h"
#include "cdc/position_pg.h"
#include "cdc/source_table_pg.h"
#include "cdc/record_failure_pg.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

constexpr size_t prefetchDistance = 2; ///< records

constexpr const char* oldKeyHeader = "__debezium.oldkey";
constexpr const char* newKeyHeader = "__debezium.newkey";

/// A conflict with other rows, not with the row of the same key.
bool isConflict(const kafka::Failure& failure, const TargetTable& table) {
    if (failure.sqlstate == "23503" || failure.sqlstate == "23P01")
        return true;
    if (failure.sqlstate != "23505" || !OidIsValid(table.keyIndex()))
        return failure.sqlstate == "23505";
    const char* key = pg::call([&] { return get_rel_name(table.keyIndex()); });
    return !key || failure.constraint != key;
}

/// The row of the old key, which has what the new one withholds, may be yet to come from its own partition.
bool lacksOldRow(const kafka::Failure& failure, const kafka::Message& message) {
    return failure.sqlstate == "22004" && message.header(oldKeyHeader).has_value();
}

} // namespace

BatchApplier::BatchApplier(std::string source, const SourceModes& modes, const kafka::Properties& properties)
    : source_(std::move(source)), modes_(modes), decoder_(modes_, arena_), applier_(arena_) {
    if (kafka::SchemaRegistry::isNamedIn(properties))
        registry_.emplace(properties);
}

std::optional<std::string_view> BatchApplier::look(const kafka::Message& message, const kafka::HttpClient::Wait& wait) {
    if (!AvroRecords::schemaId(message.value()))
        return message.value();
    const Record record{std::nullopt, message.value()};
    std::optional<std::string_view> json;
    lookArena_.reset();
    if (!avro_.learn(record, [&](uint32_t id) { return fetch(id, wait); }))
        return std::nullopt;
    if (recordFailure([&] { json = avro_.toJson(record, lookArena_).value; }))
        return std::nullopt;
    return json;
}

std::optional<std::vector<std::string>> BatchApplier::fetch(uint32_t id, const kafka::HttpClient::Wait& wait) {
    if (!registry_)
        throw AvroRecords::noRegistry();
    return registry_->schema(id, wait);
}

bool BatchApplier::fetchSchemas(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions,
                                const kafka::HttpClient::Wait& wait) {
    if (!registry_)
        return true; // what is Avro all the same is found when it is decoded
    avro_.forgetRefused();
    for (size_t i = 0; i < messages.size(); ++i)
        if (partitions[i] &&
            !avro_.learn({messages[i].key(), messages[i].value()}, [&](uint32_t id) { return fetch(id, wait); }))
            return false;
    return true;
}

void BatchApplier::reset() {
    clear();
    given_.clear();
}

void BatchApplier::clear() {
    changes_.clear();
    interludes_.clear();
    buried_.clear();
    pendingTruncate_.reset();
    letters_.reset();
    arena_.reset();
}

void BatchApplier::apply(std::vector<std::unique_ptr<TargetTable>>& tables, const kafka::MessageBatch& messages,
                         const std::vector<PartitionState*>& partitions) {
    tables_ = &tables;
    clear();
    decode(messages, partitions);
    applyDecoded(messages, partitions);
    supersedeLetters(messages, partitions);
}

/// Changes in runs, with what has its own place in the stream between them.
void BatchApplier::applyDecoded(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions) {
    buried_.assign(changes_.size(), false);
    size_t done = 0;
    for (const Interlude& interlude : interludes_) {
        applyRange(done, interlude.change, messages, partitions);
        done = interlude.change;
        const auto failure = recordFailure([&] { pg::inSubtransaction([&] { perform(interlude, messages); }); });
        if (!failure)
            continue;
        bury(messages[interlude.message], *partitions[interlude.message], *failure);
        if (interlude.kind == Interlude::Kind::KeyLeaves || interlude.kind == Interlude::Kind::KeyArrives) {
            buried_[interlude.change] = true;
            changes_[interlude.change].table = noTable; // applied to none
        }
    }
    applyRange(done, changes_.size(), messages, partitions);
    finishKeyChanges(messages);
    confirmArrivals(*tables_, changes_, buried_);
    changes_.clear();
    interludes_.clear();
    buried_.clear();
}

void BatchApplier::perform(const Interlude& interlude, const kafka::MessageBatch& messages) {
    const kafka::Message message = messages[interlude.message];
    const Event& event = interlude.event;
    if (interlude.kind == Interlude::Kind::Message) {
        if (messagePolicy_.action == OnMessage::Store)
            storeMessage(source_, message, event);
        else
            callMessageFunction(messagePolicy_.function.value_or(InvalidOid), event.message);
        return;
    }
    TargetTable& table = *(*tables_)[interlude.table];
    const KeyChange change{source_, table, event.origin, event.position};
    if (interlude.kind == Interlude::Kind::KeyLeaves)
        keyLeaves(change, event.cells, keyIn(newKeyHeader, table, message));
    else
        arrive(change, interlude, message);
}

void BatchApplier::arrive(const KeyChange& change, const Interlude& interlude, const kafka::Message& message) {
    const Cell* oldKey = keyIn(oldKeyHeader, change.table, message);
    if (!keyArrives(change, oldKey, interlude.event.cells, arena_, defersConflicts_))
        throw ConflictPending("a changed key's row is still to leave its old key, in another partition",
                              interlude.message);
}

/// Null if the header does not say it in a way that this target understands.
const Cell* BatchApplier::keyIn(const char* header, TargetTable& table, const kafka::Message& message) {
    const Target& target = table.target();
    const auto isPlain = [&](uint16_t column) {
        return !target.columns[column].computed() && !target.columns[column].confidential;
    };
    if (!std::all_of(target.key.begin(), target.key.end(), isPlain))
        return nullptr;
    Cell* cells = arena_.allocateArray<Cell>(target.columns.size());
    try {
        return decoder_.decodeKey(table.decoder(), {message.header(header)}, cells) ? cells : nullptr;
    } catch (const Error&) { // written otherwise than the key itself: what is withheld then stays unknown
        return nullptr;
    }
}

void BatchApplier::finishKeyChanges(const kafka::MessageBatch& messages) {
    for (const Interlude& interlude : interludes_)
        if (interlude.kind == Interlude::Kind::KeyArrives && !buried_[interlude.change]) {
            TargetTable& table = *(*tables_)[interlude.table];
            keyArrived({source_, table, interlude.event.origin, interlude.event.position},
                       keyIn(oldKeyHeader, table, messages[interlude.message]));
        }
}

void BatchApplier::decode(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions) {
    for (uint32_t i = 0; i < messages.size(); ++i) {
        PartitionState* partition = partitions[i];
        if (!partition)
            continue;
        if (!partition->marksLoaded)
            loadMarks(source_, *partition);
        messages.prefetch(i + prefetchDistance);
        const kafka::Message message = messages[i];
        ++partition->counts.records;
        partition->counts.bytes +=
            static_cast<int64_t>(message.value().value_or("").size() + message.key().value_or("").size());
        Record record;
        const auto failure = decodeIntoShape(message, i, *partition, record, messages, partitions);
        if (pendingTruncate_)
            applyTruncate(i, messages, partitions);
        else if (failure)
            takeUndecodable(message, record, *partition, *failure);
    }
}

/// Changes the table as far as the record needs it to. What a row without a schema needs may still come by the schema
/// change topic.
std::optional<kafka::Failure> BatchApplier::decodeIntoShape(const kafka::Message& message, uint32_t index,
                                                            PartitionState& partition, Record& record,
                                                            const kafka::MessageBatch& messages,
                                                            const std::vector<PartitionState*>& partitions) {
    try {
        auto failure = recordFailure([&] { decodeOne(message, index, partition, record); });
        while ((failure || tableLags_) && evolveFor(partition, messages, partitions))
            failure = recordFailure([&] { decodeOne(message, index, partition, record); });
        return failure;
    } catch (const SchemaAwaited& lack) {
        if (defersConflicts_ && readsSchemaChanges_)
            throw ConflictPending(lack.what(), index);
        throw;
    }
}

/// Whether the table had to change for the record decoded last, which is to be decoded again. What was decoded before
/// is applied first: it has the old shape.
bool BatchApplier::evolveFor(const PartitionState& partition, const kafka::MessageBatch& messages,
                             const std::vector<PartitionState*>& partitions) {
    if (partition.table == noTable)
        return false;
    TargetTable& table = *(*tables_)[partition.table];
    const auto changes = changesFor(source_, table);
    if (changes.empty())
        return false;
    applyDecoded(messages, partitions);
    evolve(source_, table, changes);
    return true;
}

TableDecoder& BatchApplier::decoderOf(const PartitionState& partition) {
    return partition.table == noTable ? messageDecoder_ : (*tables_)[partition.table]->decoder();
}

/// A table's decoder is made anew when the table changes; what form its topic has is the partition's memory. `record`
/// is what could be read, even if this fails.
void BatchApplier::decodeOne(const kafka::Message& message, uint32_t index, PartitionState& partition, Record& record) {
    TableDecoder& decoder = decoderOf(partition);
    decoder.lastForm = nullptr;
    tableLags_ = false;
    if (partition.heartbeat) {
        ++partition.counts.ignored;
        return;
    }
    record = avro_.toJson({message.key(), message.value()}, arena_);
    decoder.form = partition.form;
    Event event = decoder_.decode(decoder, record);
    partition.form = decoder.form;
    tableLags_ = partition.table != noTable && !changesFor(source_, *(*tables_)[partition.table]).empty();
    if (tableLags_)
        return;
    if ((!comesByBarrier(event, partition) && isSeen(event, partition)) || isTruncated(event, partition))
        return;
    if (event.kind == EventKind::Row && partition.table != noTable)
        return takeRow(event, record, message, index, partition);
    if (event.kind == EventKind::LogicalMessage)
        takeMessage(event, index, partition);
    else if (event.kind == EventKind::SchemaChange && partition.table == noTable)
        storeTableChanges(source_, *record.value);
    else if (event.kind == EventKind::Truncate && partition.table != noTable)
        takeTruncate(*(*tables_)[partition.table], event, partition);
    count(partition.counts, event);
}

bool BatchApplier::isSeen(const Event& event, PartitionState& partition) {
    const PositionMarks::Verdict verdict = partition.marks.judge(event);
    if (verdict == PositionMarks::Verdict::Restored) {
        notices_.push_back("topic \"" + partition.topic + "\", partition " + std::to_string(partition.partition) +
                           ": the log of \"" + std::string(event.origin) +
                           "\" went back to an earlier place at a later time: the source was restored or replaced. "
                           "Its events are applied; verify the table");
        const char* text = notices_.back().c_str();
        pg::call([text] { ereport(LOG, errmsg("pg_standin cdc: %s", text)); });
    }
    if (verdict == PositionMarks::Verdict::Seen)
        ++partition.counts.duplicates;
    return verdict == PositionMarks::Verdict::Seen;
}

void BatchApplier::takeMessage(const Event& event, uint32_t index, PartitionState& partition) {
    if (messagePolicy_.action == OnMessage::Ignore) {
        ++partition.counts.ignored;
        return;
    }
    ++partition.counts.messages;
    interludes_.push_back({Interlude::Kind::Message, changes_.size(), index, partition.table, event});
}

void BatchApplier::takeRow(Event& event, const Record& record, const kafka::Message& message, uint32_t index,
                           PartitionState& partition) {
    TargetTable& table = *(*tables_)[partition.table];
    if (table.mapper()) {
        const Mapped mapped = table.mapper()->map(table, event, record, message, modes_.unavailablePlaceholder, arena_);
        if (mapped != Mapped::Kept)
            return addFiltered(mapped, event, index, partition);
    }
    count(partition.counts, event);
    // A flattened row without __op counts as an update, whatever it was.
    const bool mayChangeKey = event.operation == Operation::Create || event.operation == Operation::Delete ||
                              (event.operation == Operation::Update && event.position.empty());
    if (mayChangeKey && !table.target().history && !table.target().key.empty()) {
        const bool leaves = event.operation == Operation::Delete;
        const bool mayMatter = leaves || shared_ || withholds(table.target(), event.cells) || keyChangesWait(source_);
        // librdkafka makes a list of a record's headers when it is first asked for one of them.
        if (mayMatter && mayWithhold(table.target()) && message.header(leaves ? newKeyHeader : oldKeyHeader))
            interludes_.push_back({leaves ? Interlude::Kind::KeyLeaves : Interlude::Kind::KeyArrives, changes_.size(),
                                   index, partition.table, event});
    }
    changes_.push_back({event.operation, partition.table, index, event.cells, event.before});
}

void BatchApplier::addFiltered(Mapped mapped, const Event& event, uint32_t index, PartitionState& partition) {
    ++partition.counts.filtered;
    if (event.sourceMicros != 0)
        partition.counts.sourceMicros = event.sourceMicros;
    if (mapped == Mapped::Left)
        changes_.push_back({event.operation, partition.table, index, event.cells, event.before});
}

void BatchApplier::count(PartitionState::Counts& counts, const Event& event) {
    counts.unknownFields += event.unknownFields;
    if (event.sourceMicros != 0)
        counts.sourceMicros = event.sourceMicros;
    if (event.debeziumMicros != 0)
        counts.debeziumMicros = event.debeziumMicros;
    if (event.kind == EventKind::Truncate || event.kind == EventKind::LogicalMessage)
        return; // counted by what became of them
    if (event.kind != EventKind::Row)
        ++counts.ignored;
    else if (event.operation == Operation::Read)
        ++counts.reads;
    else if (event.operation == Operation::Create)
        ++counts.inserts;
    else if (event.operation == Operation::Update)
        ++counts.updates;
    else
        ++counts.deletes;
}

void BatchApplier::applyRange(size_t first, size_t last, const kafka::MessageBatch& messages,
                              const std::vector<PartitionState*>& partitions) {
    if (first == last)
        return;
    applier_.apply(*tables_, changes_, first, last, [&](size_t change, const kafka::Failure& failure) {
        const uint32_t index = changes_[change].message;
        if (defersConflicts_ &&
            (isConflict(failure, *(*tables_)[changes_[change].table]) || lacksOldRow(failure, messages[index])))
            throw ConflictPending(failure.message, index);
        buried_[change] = true;
        bury(messages[index], *partitions[index], failure);
    });
}

} // namespace standin::cdc
