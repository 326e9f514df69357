#include "outbox/sender_pg.h"

#include "kernel/crash_point.h"
#include "outbox/record.h"
#include "pg/spi.h"

namespace standin::outbox {

using namespace std::chrono_literals;

namespace {

constexpr auto topicTrust = 30s;   ///< how long a topic that was there is believed to be there
constexpr auto quietPatience = 1s; ///< of a call that is resumed, before it is trouble

// A record's number tells the transaction and the event.
constexpr int commitShift = 40;
constexpr int64_t markNumber = -2;

int64_t numberOf(const Event& event) { return (static_cast<int64_t>(event.commit) << commitShift) | event.n; }

} // namespace

Sender::Result Sender::send(const Chunk& chunk, const Mark& mark) {
    producer_.begin();
    Result result;
    const std::string text = mark.json();
    const bool produced =
        produce(chunk, result) &&
        offer({.topic = config_.markTopic, .key = config_.relay, .value = text, .partition = 0, .number = markNumber});
    STANDIN_CRASH_POINT("outbox.produced");
    const bool delivered = produced && deliver();
    STANDIN_CRASH_POINT("outbox.flushed");
    if (delivered) {
        STANDIN_CRASH_POINT("outbox.committing");
        commit();
        STANDIN_CRASH_POINT("outbox.committed");
        return result;
    }
    const std::string complaint = producer_.lastError();
    abort(); // reports come to their end with it
    return result.sent ? explain(chunk, complaint) : result;
}

bool Sender::produce(const Chunk& chunk, Result& result) {
    ChunkReader reader(chunk);
    while (true) {
        const std::vector<Event> events = worker_.transaction([&] { return reader.next(); });
        if (events.empty())
            return true;
        for (const Event& event : events) {
            if (const auto refusal = refusalOf(event.topic); refusal != RD_KAFKA_RESP_ERR_NO_ERROR) {
                const bool absent = refusal == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                result = {.sent = false,
                          .blocked = true,
                          .commit = event.commit,
                          .event = event.id,
                          .reason =
                              "event " + event.id + ": topic " + event.topic +
                              (absent ? " does not exist in Kafka" : std::string(": ") + rd_kafka_err2str(refusal)),
                          .hint = faultOf(refusal, event.topic).remedy};
                return false;
            }
            if (!produce(event) || (careful_ && !deliver()))
                return false;
        }
        producer_.poll();
        if (!producer_.failures().empty())
            return false;
    }
}

bool Sender::produce(const Event& event) {
    return offer({.topic = event.topic,
                  .key = event.key,
                  .value = event.payload,
                  .headers = &event.headers,
                  .partition = event.partition,
                  .number = numberOf(event)});
}

bool Sender::offer(const kafka::OutgoingRecord& record) {
    while (true) {
        switch (producer_.offer(record)) {
        case kafka::TransactionalProducer::Offer::Taken:
            return true;
        case kafka::TransactionalProducer::Offer::Refused:
            return false;
        case kafka::TransactionalProducer::Offer::Full:
            producer_.poll();
            if (!producer_.failures().empty())
                return false;
            rest_(20ms, {producer_.wakeupDescriptor()});
        }
    }
}

/// Until nothing is under way, or something failed.
bool Sender::deliver() {
    while (producer_.failures().empty()) {
        if (producer_.poll() == 0)
            return producer_.failures().empty();
        rest_(50ms, {producer_.wakeupDescriptor()});
    }
    return false;
}

/// No error if the topic is there. A producer that asks for a topic makes it, so somebody else asks first.
rd_kafka_resp_err_t Sender::refusalOf(const std::string& topic) {
    const auto known = seen_.find(topic);
    if (known != seen_.end() && Clock::now() - known->second < topicTrust)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    const rd_kafka_resp_err_t refusal = topics_.ask(topic).error;
    if (refusal == RD_KAFKA_RESP_ERR_NO_ERROR)
        seen_[topic] = Clock::now();
    else
        seen_.erase(topic);
    return refusal;
}

// What is not known to have been done is asked for again. Where the answer is another, nobody here knows whether the
// records are committed: the next process reads it from the mark.
void Sender::commit() {
    const auto begun = Clock::now();
    while (true) {
        switch (producer_.commit()) {
        case kafka::TransactionalProducer::Progress::Done:
            return;
        case kafka::TransactionalProducer::Progress::Failed:
            throw kafka::ProducerDead("HV000", producer_.lastError());
        case kafka::TransactionalProducer::Progress::Again:
            if (Clock::now() - begun > quietPatience)
                trouble_.show("retrying", producer_.lastError());
            rest_(10ms, {});
        }
    }
}

void Sender::abort() {
    const auto begun = Clock::now();
    while (true) {
        switch (producer_.abort()) {
        case kafka::TransactionalProducer::Progress::Done:
            return;
        case kafka::TransactionalProducer::Progress::Failed:
            throw kafka::ProducerDead("HV000", producer_.lastError());
        case kafka::TransactionalProducer::Progress::Again:
            if (Clock::now() - begun > quietPatience)
                trouble_.show("retrying", producer_.lastError());
            rest_(10ms, {});
        }
    }
}

Sender::Result Sender::explain(const Chunk& chunk, const std::string& complaint) {
    constexpr std::string_view notAllowed = "uthorization failed";
    Result result{.sent = false, .reason = complaint};
    for (const kafka::DeliveryFailure& failure : producer_.failures()) {
        if (failure.number < 0) {
            result.reason = failure.text;
            result.anew = true;
            result.blocked = failure.text.find(notAllowed) != std::string::npos;
            if (result.blocked)
                result.hint = "allow the relay's principal to WRITE and DESCRIBE the topic";
            continue;
        }
        const size_t commit = static_cast<size_t>(failure.number >> commitShift);
        std::string id, topic;
        describe(chunk.commits[commit], failure.number & ((int64_t{1} << commitShift) - 1), id, topic);
        const Fault fault = faultOf(failure.code, topic);
        if (!fault.own)
            continue;
        result.reason = "event " + id + " for topic " + topic + ": " + failure.text;
        result.hint = fault.remedy;
        result.blocked = true;
        result.together = !careful_;
        result.commit = commit;
        result.event = id;
        return result;
    }
    return result;
}

void Sender::describe(const Commit& commit, int64_t n, std::string& id, std::string& topic) {
    static pg::Statement find("SELECT event_id, topic FROM standin_private.outbox_message WHERE batch = $1 AND n = $2");
    worker_.transaction([&] {
        for (const pg::Row row : find.run(commit.batch, n)) {
            id = row.get<std::string>(0);
            topic = row.get<std::string>(1);
        }
    });
}

} // namespace standin::outbox
