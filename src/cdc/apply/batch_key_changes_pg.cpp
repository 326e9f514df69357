#include "cdc/apply/batch_applier_pg.h"

#include <algorithm>

// What becomes of a batch's rows whose key changes.
namespace standin::cdc {

void BatchApplier::arrive(const KeyChange& change, const Interlude& interlude, const kafka::Message& message) {
    const Cell* oldKey = oldKeyOf(interlude, change.table, message);
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
                       oldKeyOf(interlude, table, messages[interlude.message]));
        }
}

/// An update under a record key that does not change with the target's: what is left of the row under its old key goes,
/// and takes with it what the event withholds. Between partitions such events are in no order: then which of two rows
/// had the old key last cannot be known.
void BatchApplier::leaveOldKey(const Event& event, uint32_t index, const PartitionState& partition) {
    const Target& target = (*tables_)[partition.table]->target();
    for (const uint16_t column : target.key)
        if (event.before[column].kind <= CellKind::Null)
            throw ValueError("23502", target.columns[column].name,
                             "the row before gives no value for this column of the primary key");
    if (!partition.alone && !(barrier_ && barrier_->ordered()))
        throw Error("22023",
                    "the event changes the row's key, which is not in the record's key, and the topic has several "
                    "partitions, among which such events are in no order",
                    {},
                    "Give the source consistency => 'transaction', the topic one partition, or its records a key that "
                    "has the target's (message.key.columns).");
    Event leaving = event;
    leaving.operation = Operation::Delete;
    leaving.cells = arena_.allocateArray<Cell>(target.columns.size());
    for (const uint16_t column : target.key)
        leaving.cells[column] = event.before[column];
    if (event.operation != Operation::Delete && withholds(target, event.cells))
        interludes_.push_back({Interlude::Kind::KeyLeaves, changes_.size(), index, partition.table, leaving});
    changes_.push_back({Operation::Delete, partition.table, index, leaving.cells});
}

} // namespace standin::cdc
