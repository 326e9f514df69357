#include "cdc/stream/stream_pg.h"

#include <algorithm>

#include "cdc/stream/start_offset_pg.h"

namespace standin::cdc {

bool Stream::discover() {
    const Partitions::Discovery found = partitions_.discover(worker_, consumer_);
    if (!found.answered)
        return false;
    consumer_.clearError();
    trouble_ = found.trouble;
    discovered_ = true;
    const bool isTooSmall = found.enlarged && !canGrow();
    const auto& states = partitions_.states();
    const bool reads =
        std::any_of(states.begin(), states.end(), [](const auto& entry) { return entry.second.reading; });
    outgrown_ = isTooSmall && !reads;
    // A topic that is back may be another one.
    outdated_ |= (isTooSmall && reads) || found.returned;
    return !outdated_ && !outgrown_ && start() && !troubled();
}

void Stream::note(const kafka::Message& message, PartitionState* state) {
    const auto error = message.error();
    const bool isGone = error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                        error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!state || !state->goesOn() || partitions_.isMissing(state->topic))
            return;
        reachedEnd(*state, message.offset());
        if (state->stop)
            state->next = std::min(state->next, *state->stop);
        state->end = std::max(state->end.value_or(0), message.offset());
    } else if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && state) {
        outdated_ |= !isLost(consumer_, *state);
    } else {
        trouble_ = (state ? state->topic + ": " : "") + message.errorText();
        worker_.setError("08006", trouble_);
        if (!isGone || !state)
            return;
        partitions_.setMissing(state->topic);
        lostTopic();
    }
}

bool Stream::showState() {
    const auto& states = partitions_.states();
    if (const std::string lost = partitions_.lost(); !lost.empty()) {
        worker_.setError("55000", lost);
        worker_.setState("troubled", lost);
    } else if (const std::string stopped = partitions_.stopped(); !stopped.empty()) {
        worker_.setState("troubled", stopped);
    } else if (!trouble_.empty()) {
        worker_.setState("troubled", trouble_);
    } else if (!consumer_.lastError().empty()) {
        worker_.setError("08006", consumer_.lastError());
        worker_.setState("disconnected", consumer_.lastError());
    } else if (const auto held = standing()) {
        worker_.setState(held->state, held->detail);
    } else if (std::any_of(states.begin(), states.end(), [](const auto& entry) { return entry.second.reading; })) {
        worker_.setState("running");
        return true;
    } else if (discovered_) {
        worker_.setState("running", "no partition is this worker's");
        return true;
    }
    return false;
}

bool Stream::knowsEnds() const {
    const auto& states = partitions_.states();
    return discovered_ && consumer_.lastError().empty() &&
           std::all_of(states.begin(), states.end(),
                       [](const auto& entry) { return !entry.second.reading || entry.second.end; });
}

void Stream::logLibraryLines() {
    for (const kafka::LogLine& line : consumer_.takeLog())
        pg::call([&] {
            ereport(line.level <= 3 ? LOG : DEBUG1,
                    errmsg("pg_standin cdc %s: librdkafka: %s", worker_.key().c_str(), line.text.c_str()));
        });
}

} // namespace standin::cdc
