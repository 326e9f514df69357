#include <algorithm>

#include "cdc/apply/batch_applier_pg.h"
#include "cdc/apply/key_change_pg.h"
#include "cdc/apply/truncate_pg.h"
#include "cdc/failure/record_failure_pg.h"
#include "kernel/crash_point.h"

// Truncates within a batch. In a topic of several partitions the others may have run ahead of the truncate or lie
// behind it. What is from after it, by the source's log, stays in the table; what is from before it goes, and does not
// come back when its partition brings it at last: see TruncateBarrier.
namespace standin::cdc {

namespace {

std::vector<std::string> keyTexts(TargetTable& table, const Cell* cells) {
    std::vector<std::string> key;
    for (const uint16_t column : table.target().key)
        key.push_back(table.textOf(column, cells).value_or(""));
    return key;
}

} // namespace

/// A truncate has no key, so it may come again in another partition than at first, or only there: the connector died
/// before it arrived in the first. How far its partition is says nothing of it; the truncates applied do.
bool BatchApplier::comesByBarrier(const Event& event, const PartitionState& partition) const {
    return barrier_ && event.kind == EventKind::Truncate && !partition.alone && partition.table != noTable &&
           (*tables_)[partition.table]->config().onTruncate == OnTruncate::Apply;
}

/// A row, or another truncate, from before the last one of its topic. To delete a row is right on either side of it: if
/// it came back after the truncate, its partition brings it after the delete.
bool BatchApplier::isTruncated(const Event& event, PartitionState& partition) {
    if (!barrier_ || (event.kind != EventKind::Row && event.kind != EventKind::Truncate))
        return false;
    switch (barrier_->sideOf(partition, event)) {
    case Side::After:
        return false;
    case Side::Before:
        countAs(partition, event.kind == EventKind::Truncate && barrier_->isTheLast(partition, event)
                               ? &PartitionState::Counts::duplicates
                               : &PartitionState::Counts::ignored);
        return true;
    case Side::Unknown:
        break;
    }
    if (event.kind != EventKind::Row || event.operation == Operation::Delete)
        return false;
    throw Error("22023", "the source table was truncated, and whether this row is from before that is not known", "",
                "If the source has the row, retry the record; else discard it.");
}

void BatchApplier::takeTruncate(const TargetTable& table, const Event& event, PartitionState& partition) {
    switch (table.config().onTruncate) {
    case OnTruncate::Ignore:
        countAs(partition, &PartitionState::Counts::ignored);
        return;
    case OnTruncate::DeadLetter:
        throw Error(
            "22023", "the source table was truncated, and truncates are not applied", "",
            "Truncate the target by hand, then discard the record; or add the table with on_truncate => 'apply'.");
    case OnTruncate::Apply:
        break;
    }
    if (table.config().history)
        throw Error("22023", "the source table was truncated, and a history is not: it has no row to say so", "",
                    "Add the table with on_truncate => 'ignore'.");
    pendingTruncate_ = event;
}

/// What was decoded before is applied first; what follows is judged by whether this succeeds.
void BatchApplier::applyTruncate(uint32_t index, const kafka::MessageBatch& messages,
                                 const std::vector<PartitionState*>& partitions) {
    const Event event = *std::exchange(pendingTruncate_, std::nullopt);
    PartitionState& partition = *partitions[index];
    if (!partition.alone)
        barrier_->requireAlone();
    applyDecoded(messages, partitions);
    const auto failure =
        recordFailure([&] { pg::inSubtransaction([&] { truncate(event, index, messages, partitions); }); });
    countAs(index, partition, failure ? &PartitionState::Counts::deadLetters : &PartitionState::Counts::truncates);
    if (failure)
        bury(messages[index], partition, *failure);
}

void BatchApplier::truncate(const Event& event, uint32_t index, const kafka::MessageBatch& messages,
                            const std::vector<PartitionState*>& partitions) {
    const PartitionState& partition = *partitions[index];
    const kafka::Message message = messages[index];
    TargetTable& table = *(*tables_)[partition.table];
    requireOneTopic(source_, table);
    const bool isOrdered = partition.alone || barrier_->ordered();
    const bool mayBeLate = isOrdered && !partition.alone && isComparable(event);
    const bool committedBeyond = mayBeLate && barrier_->isCommittedBeyond(partition.topic, event);
    const bool isLate = committedBeyond || (mayBeLate && isAppliedBeyond(event, index, partitions));
    if (isOrdered && !isLate) {
        truncateTarget(table);
        letters_.supersedeAll(source_, message);
        if (mayBeLate)
            barrier_->store(partition.topic, markOf(event));
        return;
    }
    if (table.target().key.empty() && OidIsValid(table.relation()))
        throw Error("22023",
                    "the source table was truncated, and its topic has several partitions: without a key, rows from "
                    "before and after that cannot be told apart",
                    "", "Delete by hand what is from before the truncate, then discard the record.");
    const TruncateMark mark = markOf(event);
    Arena arena;
    EventDecoder events(modes_, arena);
    TableDecoder decoder(table.target());
    TouchedKeys touched(source_, partition.topic, mark,
                        [&](const kafka::Message& one) { return decodeAgain(decoder, events, arena, one, table); });
    if (committedBeyond || !isOrdered)
        touched.readPartitions(*reader_, message.timestamp());
    for (const auto& [earlier, end] : given_)
        if (earlier->topic == partition.topic)
            touched.readAgain(*reader_, earlier->partition, earlier->stored, end);
    for (uint32_t i = 0; i < index; ++i)
        if (partitions[i] && partitions[i]->topic == partition.topic)
            touched.take(messages[i]);
    truncateTarget(table, touched.keys());
    STANDIN_CRASH_POINT("cdc_amid_truncate");
    forgetKeyChanges(source_, table, mark.origin, mark.position);
    letters_.supersedeThose(source_, message, [&](auto key, auto value) {
        arena.reset();
        return sideOf(mark, events.place(decoder, {key, value})) != Side::After;
    });
    barrier_->store(partition.topic, mark);
}

/// In a stream that is in order, a truncate that was lost in a crash of the connector and has come again, in a
/// partition that by then had what is from after it. A transaction of the source is one here, so that is applied in
/// this one.
bool BatchApplier::isAppliedBeyond(const Event& truncate, uint32_t index,
                                   const std::vector<PartitionState*>& partitions) const {
    const auto isBeyond = [&](const PartitionState* one) {
        const auto& marks = one->marks.marks();
        return one->topic == partitions[index]->topic &&
               std::any_of(marks.begin(), marks.end(), [&](const PositionMarks::Mark& mark) {
                   return mark.origin == truncate.origin && mark.position > truncate.position;
               });
    };
    return std::any_of(given_.begin(), given_.end(), [&](const auto& entry) { return isBeyond(entry.first); }) ||
           std::any_of(partitions.begin(), partitions.begin() + index,
                       [&](const PartitionState* one) { return one && isBeyond(one); });
}

void BatchApplier::goOn(const kafka::MessageBatch& messages, const std::vector<PartitionState*>& partitions) {
    for (uint32_t i = 0; i < messages.size(); ++i)
        if (partitions[i])
            given_[partitions[i]] = messages[i].offset() + 1;
}

/// A record that cannot be decoded was a dead letter, and changed no row.
TouchedKeys::Seen BatchApplier::decodeAgain(TableDecoder& decoder, EventDecoder& events, Arena& arena,
                                            const kafka::Message& message, TargetTable& table) {
    arena.reset();
    Record record{message.key(), message.value()};
    if (registry_ && !avro_.learn(record, [&](uint32_t id) { return fetch(id, wait_); }))
        throw Error("57P01", "the worker is to stop");
    TouchedKeys::Seen seen;
    const auto failure = recordFailure([&] {
        record = avro_.toJson(record, arena);
        decoder.lastForm = nullptr;
        seen.event = events.decode(decoder, record);
        if (seen.event.kind != EventKind::Row)
            return;
        const bool kept = !table.mapper() || table.mapper()->map(table, seen.event, record, message,
                                                                 modes_.unavailablePlaceholder, arena) == Mapped::Kept;
        if (kept && seen.event.operation != Operation::Delete)
            seen.key = keyTexts(table, seen.event.cells);
    });
    if (failure)
        seen = {events.place(decoder, record), {}};
    return seen;
}

} // namespace standin::cdc
