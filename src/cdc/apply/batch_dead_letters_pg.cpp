#include "cdc/apply/batch_applier_pg.h"

#include "cdc/failure/failure.h"

// What becomes of a batch's records that cannot be applied.
namespace standin::cdc {

namespace {

kafka::Failure discreet(const kafka::Failure& failure) {
    return {failure.sqlstate, std::string(discreetMessage(failure.sqlstate)), failure.column};
}

/// What is no readable JSON object is not kept: nobody can tell what is in it. `record`: the message's, as JSON if it
/// was Avro.
kafka::Redacted redacted(const kafka::Message& message, const Record& record, const Redaction& redaction) {
    const auto hide = [&](std::optional<std::string_view> text) {
        return text ? redaction.redact(*text) : std::nullopt;
    };
    kafka::Redacted result{hide(record.key), hide(record.value), {}};
    for (const auto& [name, value] : message.headers())
        if (auto hidden = hide(value))
            result.headers.emplace_back(name, std::move(*hidden));
    return result;
}

} // namespace

/// It is seen too, and buried once.
void BatchApplier::takeUndecodable(const kafka::Message& message, const Record& record, PartitionState& partition,
                                   const kafka::Failure& failure) {
    const Event place = decoder_.place(decoderOf(partition), record);
    if (isSeen(place, partition))
        return;
    if (barrier_ && barrier_->sideOf(partition, place) == Side::Before)
        return countAs(partition, &PartitionState::Counts::ignored);
    countAs(partition, &PartitionState::Counts::deadLetters);
    bury(message, partition, failure);
}

void BatchApplier::bury(const kafka::Message& message, PartitionState& partition, const kafka::Failure& failure) {
    if (letters_.isBuried(partition, message.offset()))
        return; // for the other half of a changed key
    const RowMapper* mapper = partition.table == noTable ? nullptr : (*tables_)[partition.table]->mapper();
    if (mapper && mapper->redaction().needed())
        letters_.bury(source_, message, partition, discreet(failure),
                      redacted(message, readable(message), mapper->redaction()));
    else
        letters_.bury(source_, message, partition, failure, std::nullopt);
}

/// As JSON where it can be.
Record BatchApplier::readable(const kafka::Message& message) {
    const Record record{message.key(), message.value()};
    try {
        return avro_.toJson(record, arena_);
    } catch (const Error&) {
        return record;
    }
}

/// A dead letter of a key that has come again since needs no retry.
void BatchApplier::supersedeLetters(const kafka::MessageBatch& messages,
                                    const std::vector<PartitionState*>& partitions) {
    letters_.supersede(source_, messages, partitions,
                       [&](const PartitionState& partition, std::string_view key,
                           std::string& place) -> std::optional<std::string_view> {
                           const RowMapper* mapper =
                               partition.table == noTable ? nullptr : (*tables_)[partition.table]->mapper();
                           if (!mapper || !mapper->redaction().needed())
                               return key;
                           auto redacted = mapper->redaction().redact(key);
                           if (!redacted)
                               return std::nullopt;
                           return place = std::move(*redacted);
                       });
}

} // namespace standin::cdc
