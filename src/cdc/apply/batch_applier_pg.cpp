#include "cdc/apply/batch_applier_pg.h"

#include "cdc/apply/confirm_pg.h"
#include "cdc/apply/key_change_pg.h"
#include "cdc/evolution/evolution_pg.h"
#include "cdc/evolution/source_table_pg.h"
#include "cdc/failure/record_failure_pg.h"
#include "cdc/stream/partition_progress_pg.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

constexpr size_t prefetchDistance = 2; ///< records

constexpr const char* oldKeyHeader = "__debezium.oldkey";
constexpr const char* newKeyHeader = "__debezium.newkey";

/// A source without a registry has no Avro; one with it may have it in its values only.
AvroRecords::Keys avroKeys(const SourceModes& modes, const kafka::Properties& properties) {
    if (!kafka::SchemaRegistry::isNamedIn(properties))
        return AvroRecords::Keys::None;
    return modes.format == MessageFormat::Auto ? AvroRecords::Keys::Any : AvroRecords::Keys::BesideAvro;
}

/// A conflict with other rows, not with the row of the same key.
bool isConflict(const kafka::Failure& failure, const TargetTable& table) {
    if (failure.sqlstate == "23503" || failure.sqlstate == "23P01")
        return true;
    if (failure.sqlstate != "23505" || !OidIsValid(table.keyIndex()))
        return failure.sqlstate == "23505";
    const char* key = pg::call([&] { return get_rel_name(table.keyIndex()); });
    return !key || failure.constraint != key;
}

/// The key that the row had before, if it had another one.
const Cell* keyBefore(const Target& target, const Event& event) {
    const bool isKeyed = !target.key.empty() && !target.history;
    return isKeyed && event.before && !sameKey(target, event.before, event.cells) ? event.before : nullptr;
}

/// The row of the old key, which has what the new one withholds, may be yet to come from its own partition.
bool lacksOldRow(const kafka::Failure& failure, const kafka::Message& message) {
    return failure.sqlstate == "22004" && message.header(oldKeyHeader).has_value();
}

} // namespace

BatchApplier::BatchApplier(std::string source, const SourceModes& modes, const kafka::Properties& properties)
    : source_(std::move(source)), modes_(modes), avro_(avroKeys(modes, properties)), decoder_(modes_, arena_),
      applier_(arena_) {
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
    place_.clear();
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
        std::optional<kafka::Failure> failure;
        atRecord(messages[interlude.message], *partitions[interlude.message], [&] {
            failure = recordFailure([&] { pg::inSubtransaction([&] { perform(interlude, messages); }); });
        });
        if (!failure)
            continue;
        countAs(interlude.message, *partitions[interlude.message], &PartitionState::Counts::deadLetters);
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
            callMessageFunction(messagePolicy_.function, event.message);
        return;
    }
    TargetTable& table = *(*tables_)[interlude.table];
    const KeyChange change{source_, table, event.origin, event.position};
    if (interlude.kind == Interlude::Kind::KeyLeaves)
        keyLeaves(change, event.cells);
    else
        arrive(change, interlude, message);
}

const Cell* BatchApplier::oldKeyOf(const Interlude& interlude, TargetTable& table, const kafka::Message& message) {
    return interlude.oldKey ? interlude.oldKey : keyIn(oldKeyHeader, table, message);
}

/// What it throws is known by the record's place.
template <class F> void BatchApplier::atRecord(const kafka::Message& message, const PartitionState& partition, F&& f) {
    const auto rethrow = [&](const std::string& sqlstate, const char* what, std::string hint) {
        if (partition.table != noTable && isTableError(sqlstate))
            throw TableStopped(partition.table, sqlstate, what, std::move(hint));
        throw;
    };
    try {
        f();
    } catch (const TableStopped&) {
        throw;
    } catch (const pg::PgError& error) {
        notePlace(message, partition, true, error.data().column_name);
        rethrow(error.sqlstate(), error.what(), error.data().hint ? error.data().hint : "");
    } catch (const Error& error) {
        const auto* ofValue = dynamic_cast<const ValueError*>(&error);
        notePlace(message, partition, true, ofValue ? ofValue->column().c_str() : nullptr);
        if (error.sqlstate() == "55000")
            throw; // what a source waits for
        rethrow(error.sqlstate(), error.what(), error.hint());
    }
}

/// Not `exact`: it is this record or one that was applied with it. What was noted first is nearest.
void BatchApplier::notePlace(const kafka::Message& message, const PartitionState& partition, bool exact,
                             const char* column) {
    if (!place_.empty())
        return;
    place_ = " (topic \"" + partition.topic + "\", partition " + std::to_string(partition.partition) +
             (exact ? ", offset " : ", offset from ") + std::to_string(message.offset());
    if (partition.table != noTable)
        place_ += ", table " + (*tables_)[partition.table]->name();
    if (column)
        place_ += ", column \"" + std::string(column) + '"';
    place_ += ")";
}

void BatchApplier::decode(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions) {
    outcomes_.assign(messages.size(), nullptr);
    for (uint32_t i = 0; i < messages.size(); ++i) {
        decoding_ = i;
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
        atRecord(message, *partition, [&] {
            Record record;
            const auto failure = decodeIntoShape(message, i, *partition, record, messages, partitions);
            if (pendingTruncate_)
                applyTruncate(i, messages, partitions);
            else if (failure)
                takeUndecodable(message, record, *partition, *failure);
        });
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
    try {
        evolve(source_, table, changes);
    } catch (const Error& error) {
        throw TableStopped(partition.table, error.sqlstate(), error.what(), error.hint());
    }
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
        countAs(partition, &PartitionState::Counts::ignored);
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
    count(partition, event);
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
        countAs(partition, &PartitionState::Counts::duplicates);
    return verdict == PositionMarks::Verdict::Seen;
}

void BatchApplier::takeMessage(const Event& event, uint32_t index, PartitionState& partition) {
    if (messagePolicy_.action == OnMessage::Ignore) {
        countAs(index, partition, &PartitionState::Counts::ignored);
        return;
    }
    countAs(index, partition, &PartitionState::Counts::messages);
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
    count(partition, event);
    if (const Cell* before = keyBefore(table.target(), event)) {
        leaveOldKey(event, index, partition);
        if (withholds(table.target(), event.cells))
            interludes_.push_back(
                {Interlude::Kind::KeyArrives, changes_.size(), index, partition.table, event, before});
        changes_.push_back({event.operation, partition.table, index, event.cells});
        return;
    }
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
    countAs(index, partition, &PartitionState::Counts::filtered);
    if (event.sourceMicros != 0)
        partition.counts.sourceMicros = event.sourceMicros;
    if (mapped != Mapped::Left)
        return;
    if (keyBefore((*tables_)[partition.table]->target(), event))
        leaveOldKey(event, index, partition);
    changes_.push_back({event.operation, partition.table, index, event.cells, event.before});
}

void BatchApplier::count(PartitionState& partition, const Event& event) {
    PartitionState::Counts& counts = partition.counts;
    counts.unknownFields += event.unknownFields;
    if (event.sourceMicros != 0)
        counts.sourceMicros = event.sourceMicros;
    if (event.debeziumMicros != 0)
        counts.debeziumMicros = event.debeziumMicros;
    const bool hasTable = partition.table != noTable;
    if (event.kind == EventKind::LogicalMessage || (event.kind == EventKind::Truncate && hasTable))
        return; // counted by what became of them
    if (event.kind != EventKind::Row || !hasTable)
        countAs(partition, &PartitionState::Counts::ignored);
    else if (event.operation == Operation::Read)
        countAs(partition, &PartitionState::Counts::reads);
    else if (event.operation == Operation::Create)
        countAs(partition, &PartitionState::Counts::inserts);
    else if (event.operation == Operation::Update)
        countAs(partition, &PartitionState::Counts::updates);
    else
        countAs(partition, &PartitionState::Counts::deletes);
}

void BatchApplier::countAs(uint32_t index, PartitionState& partition, Outcome outcome) {
    if (const Outcome before = std::exchange(outcomes_[index], outcome))
        --(partition.counts.*before);
    ++(partition.counts.*outcome);
}

void BatchApplier::applyRange(size_t first, size_t last, const kafka::MessageBatch& messages,
                              const std::vector<PartitionState*>& partitions) {
    if (first == last)
        return;
    const auto fail = [&](size_t change, const kafka::Failure& failure) {
        const uint32_t index = changes_[change].message;
        if (defersConflicts_ &&
            (isConflict(failure, *(*tables_)[changes_[change].table]) || lacksOldRow(failure, messages[index])))
            throw ConflictPending(failure.message, index);
        buried_[change] = true;
        countAs(index, *partitions[index], &PartitionState::Counts::deadLetters);
        bury(messages[index], *partitions[index], failure);
    };
    const auto note = [&](const char* column) {
        const Change& change = changes_[applier_.stop().change];
        notePlace(messages[change.message], *partitions[change.message], applier_.stop().exact, column);
        return change.table;
    };
    try {
        applier_.apply(*tables_, changes_, first, last, fail);
    } catch (const ConflictPending&) {
        throw;
    } catch (const pg::PgError& error) {
        const uint32_t table = note(error.data().column_name);
        if (!isTableError(error.sqlstate()))
            throw;
        throw TableStopped(table, error.sqlstate(), error.what(), error.data().hint ? error.data().hint : "");
    } catch (...) {
        note(nullptr);
        throw;
    }
}

} // namespace standin::cdc
