#include "cdc/batch_pg.h"

#include "cdc/evolution_pg.h"
#include "cdc/failure.h"
#include "cdc/heap_writer_pg.h"
#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

/// Runs `f`; a failure that is the record's own fault is returned, every other one goes on.
template <class F> std::optional<kafka::Failure> recordFailure(F&& f) {
    try {
        f();
        return std::nullopt;
    } catch (const ValueError& error) {
        if (isRecordError(error.sqlstate()))
            return kafka::Failure{error.sqlstate(), error.what(), error.column()};
        throw;
    } catch (const Error& error) {
        if (isRecordError(error.sqlstate()))
            return kafka::Failure{error.sqlstate(), error.what(), std::nullopt};
        throw;
    } catch (const pg::PgError& error) {
        if (!isRecordError(error.sqlstate()))
            throw;
        const char* column = error.data().column_name;
        return kafka::Failure{error.sqlstate(), error.what(),
                              column ? std::optional<std::string>(column) : std::nullopt};
    }
}

} // namespace

BatchApplier::BatchApplier(std::string source, const SourceModes& modes)
    : source_(std::move(source)), modes_(modes), decoder_(modes_, arena_) {}

void BatchApplier::reset() {
    changes_.clear();
    buried_.clear();
    arena_.reset();
}

void BatchApplier::apply(std::vector<std::unique_ptr<TargetTable>>& tables, const kafka::MessageBatch& messages,
                         const std::vector<PartitionState*>& partitions) {
    tables_ = &tables;
    reset();
    decode(messages, partitions);
    applyDecoded(messages, partitions);
}

void BatchApplier::applyDecoded(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions) {
    if (!changes_.empty())
        applyRange(0, changes_.size(), messages, partitions);
    confirm();
    changes_.clear();
    buried_.clear();
}

void BatchApplier::decode(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions) {
    for (uint32_t i = 0; i < messages.size(); ++i) {
        PartitionState* partition = partitions[i];
        if (!partition)
            continue;
        const kafka::Message message = messages[i];
        ++partition->counts.records;
        partition->counts.bytes +=
            static_cast<int64_t>(message.value().value_or("").size() + message.key().value_or("").size());
        auto failure = recordFailure([&] { decodeOne(message, i, *partition); });
        while (evolveFor(*partition, messages, partitions))
            failure = recordFailure([&] { decodeOne(message, i, *partition); });
        if (failure)
            bury(message, *partition, *failure);
    }
}

/// Whether the table had to change for the record decoded last, which is to be decoded again. What was decoded before
/// is applied first: it has the old shape.
bool BatchApplier::evolveFor(const PartitionState& partition, const kafka::MessageBatch& messages,
                             const std::vector<PartitionState*>& partitions) {
    TargetTable& table = *(*tables_)[partition.table];
    const auto changes = changesFor(table);
    if (changes.empty())
        return false;
    applyDecoded(messages, partitions);
    evolve(source_, table, changes);
    return true;
}

void BatchApplier::decodeOne(const kafka::Message& message, uint32_t index, PartitionState& partition) {
    TargetTable& table = *(*tables_)[partition.table];
    const Event event = decoder_.decode(table.decoder(), {message.key(), message.value()});
    if (!changesFor(table).empty())
        return; // the table changes first
    if (event.kind == EventKind::Truncate && table.config().onTruncate != OnTruncate::Ignore)
        throw Error(
            "22023", "the source table was truncated, and truncates are not applied", "",
            "Truncate the target by hand, then discard the record; or add the table with on_truncate => 'ignore'.");
    count(partition.counts, event);
    if (event.kind == EventKind::Row)
        changes_.push_back({event.operation, partition.table, index, event.cells});
}

void BatchApplier::count(PartitionState::Counts& counts, const Event& event) {
    counts.unknownFields += event.unknownFields;
    if (event.sourceMicros != 0)
        counts.sourceMicros = event.sourceMicros;
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

/// Applies changes [first, last), in halves if they cannot be applied as a whole, until the record at fault stands
/// alone. Any split is right: it only coalesces less.
void BatchApplier::applyRange(size_t first, size_t last, const kafka::MessageBatch& messages,
                              const std::vector<PartitionState*>& partitions) {
    const auto failure = recordFailure([&] { pg::inSubtransaction([&] { applyOnce(first, last); }); });
    if (!failure)
        return;
    if (last - first == 1) {
        buried_[first] = true;
        const uint32_t index = changes_[first].message;
        bury(messages[index], *partitions[index], *failure);
        return;
    }
    const size_t middle = first + (last - first) / 2;
    applyRange(first, middle, messages, partitions);
    applyRange(middle, last, messages, partitions);
}

void BatchApplier::applyOnce(size_t first, size_t last) {
    buried_.resize(changes_.size(), false);
    for (size_t table = 0; table < tables_->size(); ++table)
        applyTable(table, first, last);
}

void BatchApplier::applyTable(size_t index, size_t first, size_t last) {
    ofTable_.clear();
    for (size_t i = first; i < last; ++i)
        if (changes_[i].table == index)
            ofTable_.push_back(&changes_[i]);
    if (ofTable_.empty())
        return;
    TargetTable& table = *(*tables_)[index];
    const auto nets = coalescer_.run(table.target(), ofTable_, arena_);
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // its triggers may do what they like
    if (table.direct())
        HeapWriter::apply(table, nets);
    else
        sqlWriters_[&table].apply(table, nets);
    // Deferred triggers are user code, the table's or of another table that its triggers and checks wrote to: they run
    // here, under its role, and not at commit under the worker's.
    pg::call([] { SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); });
}

void BatchApplier::bury(const kafka::Message& message, PartitionState& partition, const kafka::Failure& failure) {
    ++partition.counts.deadLetters;
    kafka::writeDeadLetter(source_, message, failure);
}

/// Tells stand-in which keys have arrived in tables that confirm pending transactions.
void BatchApplier::confirm() {
    for (size_t index = 0; index < tables_->size(); ++index) {
        const auto isOfTable = [&](const Change& change) {
            return change.table == index && change.operation != Operation::Delete;
        };
        if (std::none_of(changes_.begin(), changes_.end(), isOfTable))
            continue;
        TargetTable& table = *(*tables_)[index];
        const auto confirmation = kernel::confirmationFor(table.relation());
        if (!confirmation)
            continue;
        const auto& columns = table.target().columns;
        const auto column = std::find_if(columns.begin(), columns.end(),
                                         [&](const TargetColumn& one) { return one.name == confirmation->keyColumn; });
        if (column == columns.end())
            throw Error("42703", "table " + table.name() + " has no column \"" + confirmation->keyColumn +
                                     "\" to confirm transactions by");
        const auto position = static_cast<size_t>(column - columns.begin());
        std::vector<std::string> keys;
        for (size_t i = 0; i < changes_.size(); ++i)
            if (isOfTable(changes_[i]) && !buried_[i])
                if (auto key = cellToText(table.columns()[position], changes_[i].cells[position]))
                    keys.push_back(std::move(*key));
        if (!keys.empty())
            kernel::confirm(confirmation->id, keys);
    }
}

} // namespace standin::cdc
