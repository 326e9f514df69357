#include "cdc/batch_pg.h"

#include "cdc/evolution_pg.h"
#include "cdc/record_failure_pg.h"

namespace standin::cdc {

namespace {

kafka::Failure discreet(const kafka::Failure& failure) {
    return {failure.sqlstate, std::string(discreetMessage(failure.sqlstate)), failure.column};
}

/// What is no readable JSON object is not kept: nobody can tell what is in it.
kafka::Redacted redacted(const kafka::Message& message, const Redaction& redaction) {
    const auto hide = [&](std::optional<std::string_view> text) {
        return text ? redaction.redact(*text) : std::nullopt;
    };
    kafka::Redacted result{hide(message.key()), hide(message.value()), {}};
    for (const auto& [name, value] : message.headers())
        if (auto hidden = hide(value))
            result.headers.emplace_back(name, std::move(*hidden));
    return result;
}

} // namespace

BatchApplier::BatchApplier(std::string source, const SourceModes& modes, const kafka::Properties& properties)
    : source_(std::move(source)), modes_(modes), decoder_(modes_, arena_), applier_(arena_) {
    if (kafka::SchemaRegistry::isNamedIn(properties))
        registry_.emplace(properties);
}

bool BatchApplier::fetchSchemas(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions,
                                const kafka::HttpClient::Wait& wait) {
    const auto fetch = [&](uint32_t id) {
        if (!registry_)
            throw Error("55000", "records are in Avro, and the source's server names no schema registry", {},
                        "Add the option \"schema.registry.url\" with ALTER SERVER.");
        return registry_->schema(id, wait);
    };
    avro_.forgetRefused();
    for (size_t i = 0; i < messages.size(); ++i)
        if (partitions[i] && !avro_.learn({messages[i].key(), messages[i].value()}, fetch))
            return false;
    return true;
}

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
    const Record record = avro_.toJson({message.key(), message.value()}, arena_);
    Event event = decoder_.decode(table.decoder(), record);
    if (!changesFor(table).empty())
        return; // the table changes first
    if (event.kind == EventKind::Truncate && table.config().onTruncate != OnTruncate::Ignore)
        throw Error(
            "22023", "the source table was truncated, and truncates are not applied", "",
            "Truncate the target by hand, then discard the record; or add the table with on_truncate => 'ignore'.");
    if (event.kind == EventKind::Row && table.mapper()) {
        const Mapped mapped = table.mapper()->map(table, event, record, message, modes_.unavailablePlaceholder, arena_);
        if (mapped != Mapped::Kept)
            return addFiltered(mapped, event, index, partition);
    }
    count(partition.counts, event);
    if (event.kind == EventKind::Row)
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
    buried_.resize(changes_.size(), false);
    applier_.apply(*tables_, changes_, first, last, [&](size_t change, const kafka::Failure& failure) {
        buried_[change] = true;
        const uint32_t index = changes_[change].message;
        bury(messages[index], *partitions[index], failure);
    });
}

void BatchApplier::bury(const kafka::Message& message, PartitionState& partition, const kafka::Failure& failure) {
    ++partition.counts.deadLetters;
    const RowMapper* mapper = (*tables_)[partition.table]->mapper();
    if (mapper && mapper->redaction().needed())
        kafka::writeDeadLetter(source_, message, discreet(failure), redacted(message, mapper->redaction()));
    else
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
