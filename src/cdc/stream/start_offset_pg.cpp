#include "cdc/stream/start_offset_pg.h"

#include "kafka/kafka_pg.h"

namespace standin::cdc {

namespace {

constexpr int askTimeout = 500; // milliseconds; a stop has to wait no longer

constexpr const char* advice = "; go on elsewhere with standin.cdc_seek";

std::string placeOf(const PartitionState& state) {
    return "partition " + std::to_string(state.partition) + " of topic " + state.topic;
}

std::string marksOf(const kafka::Watermarks& marks) {
    return "Kafka has " + std::to_string(marks.low) + " to " + std::to_string(marks.high);
}

/// The offset that a seek means, if Kafka answers.
std::optional<int64_t> askSeek(kafka::Consumer& consumer, const PartitionState& state) {
    if (*state.seek != RD_KAFKA_OFFSET_END) {
        const auto found = consumer.askOffsetAt(state.topic, state.partition, *state.seek, askTimeout);
        if (!found || *found >= 0)
            return found;
    }
    const auto marks = consumer.askWatermarks(state.topic, state.partition, askTimeout);
    return marks ? std::optional(marks->high) : std::nullopt;
}

bool settle(kernel::Transactions& transactions, const std::string& source, kafka::Consumer& consumer,
            PartitionState& state) {
    const auto next = askSeek(consumer, state);
    if (!next)
        return false;
    transactions.transaction([&] { kafka::settleSeek(source, state.topic, state.partition, *state.seek, *next); });
    state.stored = state.next = *next;
    state.seek.reset();
    return true;
}

/// Why Kafka cannot give what comes next, or nothing.
std::string complaint(const PartitionState& state, const kafka::Watermarks& marks) {
    if ((state.stored != 0 || state.stop) && state.stored < marks.low)
        return "offset " + std::to_string(state.stored) + " of " + placeOf(state) +
               " is no longer there: retention has overtaken it (" + marksOf(marks) + ")" + advice;
    if (state.stored > marks.high)
        return "offset " + std::to_string(state.stored) + " of " + placeOf(state) + " is beyond its end (" +
               marksOf(marks) + "): the topic was deleted and created again, or Kafka lost records" + advice;
    if (state.stop && *state.stop > marks.high)
        return "the range to be replayed, " + std::to_string(state.stored) + " to " + std::to_string(*state.stop - 1) +
               " of " + placeOf(state) + ", ends beyond what is there (" + marksOf(marks) + ")";
    return "";
}

} // namespace

Start findStart(kernel::Transactions& transactions, const std::string& source, kafka::Consumer& consumer,
                PartitionState& state) {
    if (state.seek && !settle(transactions, source, consumer, state))
        return {Start::Kind::NoAnswer};
    if (state.done())
        return {Start::Kind::Nothing};
    if (state.stored == 0 && !state.stop)
        return {Start::Kind::Read, RD_KAFKA_OFFSET_BEGINNING};
    const auto marks = consumer.askWatermarks(state.topic, state.partition, askTimeout);
    if (!marks)
        return {Start::Kind::NoAnswer};
    state.lost = complaint(state, *marks);
    if (!state.lost.empty())
        return {Start::Kind::Nothing};
    const bool comparable = state.last && state.last->offset < state.stored && state.last->offset >= marks->low;
    if (comparable)
        return {Start::Kind::Read, state.last->offset};
    state.last.reset();
    return {Start::Kind::Read, std::max(state.stored, marks->low)};
}

bool recognise(PartitionState& state, const kafka::Message& message) {
    if (!state.last || message.offset() != state.last->offset || message.fingerprint() == *state.last)
        return true;
    state.lost = "record " + std::to_string(message.offset()) + " of " + placeOf(state) +
                 " is not the one that was applied: the topic was deleted and created again" + advice;
    return false;
}

bool isLost(kafka::Consumer& consumer, PartitionState& state) {
    if (const auto marks = consumer.askWatermarks(state.topic, state.partition, askTimeout))
        state.lost = complaint(state, *marks);
    return !state.lost.empty();
}

} // namespace standin::cdc
