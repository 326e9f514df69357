#include "outbox/relay_pg.h"

#include <algorithm>
#include <memory>

#include "base/backoff.h"
#include "base/paced.h"
#include "kafka/kafka_pg.h"
#include "kernel/clock.h"
#include "kernel/crash_point.h"
#include "kernel/instance.h"
#include "outbox/published_pg.h"
#include "outbox/sender_pg.h"

namespace standin::outbox {

using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto longRest = 60s;
constexpr auto checkInterval = 1s; ///< how often a busy relay looks whether its configuration is another
constexpr auto quietPatience = 2s; ///< of a call that is resumed, before it is trouble
constexpr int anewMost = 3;
constexpr auto carefulTime = 60s; ///< how long records go one by one after some were refused together
constexpr int64_t carefulRecords = 1000;
constexpr size_t allCommits = 100000;
constexpr int64_t smallestLargest = 1'000'000, largestLargest = 1'000'000'000;
constexpr int64_t smallestBatch = 100 << 10, largestBatch = 1'000'000;
constexpr int64_t wireOverhead = 10'000; ///< of a record, at most, beside what its topic's limit counts

/// Whether commits of this process wait until they are on disk, here and on a synchronous standby if there is one.
void waitForCommits(bool wait) { pg::pinSetting("synchronous_commit", wait ? "on" : "off"); }

std::string flushedUpTo() {
    const XLogRecPtr position = pg::call([] { return GetFlushRecPtr(nullptr); });
    char text[32];
    snprintf(text, sizeof(text), "%X/%X", static_cast<uint32>(position >> 32), static_cast<uint32>(position));
    return text;
}

/// By the clock of `committed_at`, with which an adoption compares it.
std::string nowText() {
    return pg::call([] { return timestamptz_to_str(kernel::now()); });
}

class Relay {
public:
    explicit Relay(kernel::Worker& worker) : worker_(worker), relay_(worker.key()) {}

    void run() {
        auto loaded = worker_.transaction([this] {
            auto config = loadRelay(relay_);
            kernel::requireInstance(); // a restore may have begun since the supervisor asked
            return config;
        });
        if (!loaded)
            return;
        config_ = std::move(*loaded);
        if (config_.paused) {
            worker_.setState("paused", config_.pauseReason);
            while (true)
                rest(longRest);
        }
        connect();
        while (true)
            turn();
    }

private:
    void rest(std::chrono::milliseconds time, std::initializer_list<int> readable = {}) {
        if (checkDue_)
            time =
                std::min(time, std::max(std::chrono::ceil<std::chrono::milliseconds>(nextCheck_ - Clock::now()), 0ms));
        worker_.wait(time, readable);
        if (worker_.stopping())
            throw Leaving{};
        checkDue_ = true;
        if (!inTransaction_ && Clock::now() >= nextCheck_)
            check();
    }

    void check() {
        checkDue_ = false;
        nextCheck_ = Clock::now() + checkInterval;
        const auto begun = Clock::now();
        const bool count = fullness_.due(begun);
        const bool same = worker_.transaction([&] {
            if (count)
                noteFullness(relay_);
            const auto config = loadRelay(relay_);
            return config && *config == config_;
        });
        if (count)
            fullness_.looked(begun, Clock::now());
        if (!same)
            throw Leaving{};
    }

    void connect() {
        worker_.setState("connecting");
        producer_ = std::make_unique<kafka::TransactionalProducer>(
            config_.properties, transactionalId(),
            kafka::ProducerLimits{
                std::clamp(config_.largestEvent + wireOverhead, smallestLargest, largestLargest),
                std::clamp(config_.smallestLimit, smallestBatch, largestBatch),
            });
        const Rest resting = [this](std::chrono::milliseconds time, std::initializer_list<int> readable) {
            rest(time, readable);
        };
        topic_ = std::make_unique<MarkTopic>(trouble_, config_, *producer_, resting);
        sender_ = std::make_unique<Sender>(worker_, trouble_, config_, *producer_, *topic_, resting);
        topic_->require();
        look(MarkTopic::Reach::Committed); // whoever is there is fenced only if this server may send
        for (const auto begun = Clock::now(); producer_->init() != kafka::TransactionalProducer::Progress::Done;) {
            if (Clock::now() - begun > quietPatience)
                trouble_.show("retrying", producer_->lastError());
            rest(20ms);
        }
        const bool recovered =
            look(MarkTopic::Reach::End); // a transaction of the one before may have been committed since
        takeUp(recovered);
    }

    /// Whoever writes the same marks has the same one, and so is fenced by whoever comes after it.
    std::string transactionalId() const { return "pg_standin." + config_.markTopic + "." + relay_; }

    /// Where to go on from. Returns whether more is in Kafka than was known; stays here while this server may not send.
    bool look(MarkTopic::Reach reach) {
        const auto text = topic_->look(reach);
        const auto mark = text ? Mark::parse(*text) : std::nullopt;
        const Known found = worker_.transaction([&] { return known(relay_, mark); });
        Verdict verdict = judge(text, found.here);
        if (verdict.kind == Verdict::Kind::Diverged && mark && mark->place > found.here.sending)
            verdict.reason += ", " + std::to_string(mark->events - found.eventsUpToMark) + " of them";
        if (verdict.kind != Verdict::Kind::GoOn)
            stand(verdict, text);
        system_ = found.here.system;
        position_ = verdict.from;
        events_ = mark && mark->place == position_ ? mark->events : 0;
        return position_ > found.here.sent;
    }

    void stand(const Verdict& verdict, const std::optional<std::string>& mark) {
        const char* state = verdict.kind == Verdict::Kind::Fenced ? "fenced" : "diverged";
        const std::string hint = "once it is certain that no other server sends: standin.outbox_relay_adopt(relay, "
                                 "'from_mark' or 'from_here', reason)";
        const std::string found = mark.value_or(verdict.reason);
        worker_.transaction([&] { noteFound(relay_, found); });
        trouble_.show(state, verdict.reason, hint);
        while (true) {
            const auto done = worker_.transaction([&] {
                kernel::requireInstance();
                return adopt(relay_, found, mark);
            });
            if (done && done->empty())
                throw Leaving{}; // the next process sees the mark as adopted
            if (done)
                trouble_.show(state, verdict.reason, *done);
            rest(longRest);
        }
    }

    void takeUp(bool recovered) {
        const std::string made = worker_.transaction([this] {
            kernel::requireInstance();
            forgetUpTo(relay_, position_);
            closeAdoptions(relay_);
            return claim(relay_, position_);
        });
        claim_ = made;
        STANDIN_CRASH_POINT("outbox.claimed");
        Sender::Result result;
        while (!(result = send({}, position_, events_)).sent)
            retryLater(result);
        worker_.transaction([&] { claimMarked(relay_, claim_, recovered); });
        trouble_.over();
    }

    Sender::Result send(const Chunk& chunk, const kernel::CommitPlace& place, int64_t events) {
        inTransaction_ = true;
        const Mark mark{system_, place, claim_, events, flushedUpTo(), nowText()};
        const Sender::Result result = sender_->send(chunk, mark);
        inTransaction_ = false;
        return result;
    }

    void turn() {
        kernel::CommitPlace settled;
        if (!worker_.unlessBlocked([&] { settled = worker_.transaction([] { return commitOrder.settledUpTo(); }); }))
            return rest(200ms);
        const bool careful = Clock::now() < carefulUntil_;
        sender_->beCareful(careful);
        const int64_t records = careful ? std::min(config_.batchRecords, carefulRecords) : config_.batchRecords;
        Chunk chunk;
        if (!worker_.unlessBlocked([&] { chunk = promised(settled, records); }))
            return rest(200ms);
        if (chunk.empty()) {
            trouble_.over();
            return rest(longRest);
        }
        const int64_t events = events_ + chunk.messages;
        const Sender::Result result = send(chunk, chunk.last(), events);
        if (!result.sent)
            return setBack(result);
        position_ = chunk.last();
        events_ = events;
        finish(chunk);
    }

    /// What is sent next, read and promised at once: an event that was read is not discarded before it is promised.
    Chunk promised(const kernel::CommitPlace& settled, int64_t records) {
        return worker_.transaction([&] {
            if (!holdWaiting(relay_, position_, settled))
                return Chunk{};
            kernel::requireInstance();
            const Chunk chunk = chunkAfter(relay_, position_, settled, records, commitLimit_);
            if (!chunk.empty() && !promise(relay_, chunk.last(), events_ + chunk.messages))
                throw Leaving{};
            return chunk;
        });
    }

    /// If this is lost it is done again, from the mark.
    void finish(const Chunk& chunk) {
        waitForCommits(false);
        worker_.transaction([&] {
            forget(relay_, chunk);
            noteSent(relay_, position_);
        });
        waitForCommits(true);
        STANDIN_CRASH_POINT("outbox.truncated");
        commitLimit_ = allCommits;
        failures_ = 0;
        trouble_.over();
        if (Clock::now() >= nextCheck_)
            check();
    }

    /// What is before the event at fault is sent, then it stands alone.
    void setBack(const Sender::Result& result) {
        const bool first = result.commit == 0;
        if (result.together) {
            worker_.transaction([&] { noteAborted(relay_, ""); });
            carefulUntil_ = Clock::now() + carefulTime;
            return;
        }
        worker_.transaction([&] { noteAborted(relay_, first ? result.event : ""); });
        if (result.anew && !result.blocked && ++anew_ <= anewMost)
            return;
        anew_ = 0;
        if (result.blocked && !first) {
            commitLimit_ = result.commit;
            return;
        }
        if (result.blocked)
            commitLimit_ = 1;
        retryLater(result);
    }

    void retryLater(const Sender::Result& result) {
        trouble_.show(result.blocked ? "blocked" : "retrying", result.reason, result.hint);
        const auto until = Clock::now() + exponentialBackoff(++failures_, 200ms, 10s);
        for (auto now = Clock::now(); now < until; now = Clock::now()) {
            rest(std::chrono::ceil<std::chrono::milliseconds>(until - now));
            if (!result.event.empty() && result.blocked &&
                !worker_.transaction([this] { return stillBlocked(relay_); }))
                return;
        }
    }

    kernel::Worker& worker_;
    const std::string relay_;
    RelayConfig config_;
    Trouble trouble_{worker_};
    std::unique_ptr<kafka::TransactionalProducer> producer_;
    std::unique_ptr<MarkTopic> topic_;
    std::unique_ptr<Sender> sender_;
    std::string system_;
    std::string claim_;
    kernel::CommitPlace position_; ///< in Kafka, with all before it
    int64_t events_ = 0;
    size_t commitLimit_ = allCommits;
    int failures_ = 0;
    int anew_ = 0; ///< in a row
    Clock::time_point carefulUntil_{};
    bool inTransaction_ = false; ///< of Kafka, which is not left for a changed option
    bool checkDue_ = true;       ///< something may have been asked for that nobody wakes us for any more
    Clock::time_point nextCheck_{};
    Paced fullness_{20};
};

} // namespace

void relayMain(kernel::Worker& worker) {
    kafka::endWithoutCleanup();
    waitForCommits(true);
    // Never destroyed: the library's threads outlive this function, and write to the pipes.
    auto* relay = new Relay(worker);
    try {
        relay->run();
    } catch (const Leaving&) {
    }
}

} // namespace standin::outbox
