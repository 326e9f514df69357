#include "cdc/worker_pg.h"

#include "cdc/cdc.h"
#include "cdc/position_pg.h"
#include "cdc/start_pg.h"
#include "kernel/crash_point.h"
#include "kernel/instance.h"

extern "C" {
#include <commands/dbcommands.h>
}

namespace standin::cdc {

using namespace std::chrono_literals;

namespace {

constexpr auto idleWait = 5s;
constexpr auto checkInterval = 200ms; ///< how often a busy worker looks whether its configuration changed
constexpr auto discoveryInterval = 30s;
constexpr auto troubledDiscoveryInterval = 1s;
constexpr int metadataTimeout = 500; // milliseconds; a stop has to wait no longer

} // namespace

void SourceWorker::run() {
    while (!worker_.stopping() && !outdated_) {
        try {
            if (!config_ && !load())
                return;
            step();
        } catch (const kafka::OffsetConflict&) {
            outdated_ = true; // somebody moved the offsets: what is in memory is void
        } catch (const Error& error) {
            retryLater(error.sqlstate(), error.what());
        } catch (const pg::PgError& error) {
            retryLater(error.sqlstate(), error.what());
        }
    }
}

void SourceWorker::abandon() noexcept {
    if (consumer_)
        consumer_->abandon();
}

/// The batch at hand stays: its messages are applied again. Records' own faults never come here.
void SourceWorker::retryLater(const std::string& sqlstate, const std::string& message) {
    if (applier_)
        applier_->reset();
    ++failures_;
    worker_.setError(sqlstate, message);
    worker_.setState("retrying", message);
    const auto until = Clock::now() + std::min<Clock::duration>(100ms * (1 << std::min(failures_, 9)), 30s);
    while (!worker_.stopping() && Clock::now() < until) {
        worker_.wait(std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) + 1ms);
        lookForChanges();
        if (outdated_)
            break;
    }
}

bool SourceWorker::load() {
    std::vector<kafka::StoredOffset> offsets;
    auto config = worker_.transaction([&] {
        offsets = kafka::loadOffsets(worker_.key());
        // A copy of the database may read, but must not move the original's offsets in Kafka.
        reportsProgress_ = !kernel::instanceRefusal();
        groupId_ =
            std::string("pg_standin.") + pg::call([] { return get_database_name(MyDatabaseId); }) + "." + worker_.key();
        return loadSource(worker_.key());
    });
    if (!config)
        return false;
    for (const TableConfig& table : config->tables)
        tables_.push_back(std::make_unique<TargetTable>(table));
    for (const kafka::StoredOffset& offset : offsets) {
        PartitionState& state = partitions_[{offset.topic, offset.partition}];
        state.topic = offset.topic;
        state.partition = offset.partition;
        state.stored = state.next = offset.next;
        state.clusterId = offset.clusterId;
        state.seek = offset.seek;
        state.stop = offset.stop;
        state.last = offset.last;
        bounded_ |= offset.stop.has_value();
    }
    applier_ = std::make_unique<BatchApplier>(worker_.key(), config->modes, config->properties);
    applier_->setMessagePolicy({config->onMessage, config->messageFunction});
    signals_ = std::make_unique<SignalSender>(worker_, *config);
    letters_ = std::make_unique<LetterRetry>(worker_, *config);
    checkDue_ = true; // for what operators ask
    config_ = std::move(config);
    return true;
}

/// Whether the catalog still says what was loaded; if that cannot be told, the next process has to find out.
void SourceWorker::lookForChanges() {
    nextCheck_ = Clock::now() + checkInterval;
    checkDue_ = false;
    if (!config_)
        return;
    try {
        outdated_ |= !worker_.transaction([this] {
            signals_->look();
            letters_->look();
            return isCurrent();
        });
    } catch (const Error&) {
        outdated_ = true;
    } catch (const pg::PgError&) {
        outdated_ = true;
    }
}

bool SourceWorker::isCurrent() const {
    const auto config = loadSource(worker_.key());
    if (!config || *config != *config_)
        return false;
    const auto offsets = kafka::loadOffsets(worker_.key());
    return offsets.size() == partitions_.size() &&
           std::all_of(offsets.begin(), offsets.end(), [this](const kafka::StoredOffset& offset) {
               const auto state = partitions_.find({offset.topic, offset.partition});
               return state != partitions_.end() && state->second.stored == offset.next &&
                      state->second.seek == offset.seek;
           });
}

void SourceWorker::connect() {
    worker_.setState("connecting");
    consumer_ = std::make_unique<kafka::Consumer>(config_->properties, groupId_,
                                                  kafka::ConsumerLimits{config_->queueKilobytes});
    nextDiscovery_ = {};
}

void SourceWorker::step() {
    attend();
    if (config_->paused || (config_->tables.empty() && !config_->messageTopic)) {
        worker_.setState(config_->paused ? "paused" : "idle", config_->paused ? config_->pauseReason : "no tables");
        rest(60s);
        return;
    }
    if (done()) {
        worker_.setState("done");
        rest(60s);
        return;
    }
    if (!consumer_)
        connect();
    if (Clock::now() >= nextDiscovery_)
        discover();
    if (outdated_)
        return;
    if (messages_.empty())
        receive();
    logLibraryLines();
    const bool received = !messages_.empty();
    if (received)
        applyBatch();
    showState();
    if (!received)
        sleep();
    if (!worker_.stopping() && checkDue_ && Clock::now() >= nextCheck_)
        lookForChanges();
}

/// What operators ask of a source besides its stream; also while it is paused.
void SourceWorker::attend() {
    letters_->attend(tables_);
    signals_->attend();
}

void SourceWorker::rest(std::chrono::milliseconds longest) {
    if (!checkDue_)
        worker_.wait(std::min(longest, signals_->patience()));
    lookForChanges();
}

void SourceWorker::sleep() {
    auto until = std::min<Clock::time_point>(Clock::now() + idleWait, nextDiscovery_);
    if (checkDue_)
        until = std::min(until, nextCheck_);
    const auto left = std::min(std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) + 1ms,
                               signals_->patience());
    worker_.wait(std::max<std::chrono::milliseconds>(left, 0ms), {consumer_->wakeupDescriptor()});
    checkDue_ = true;
}

/// Finds partitions that are not read yet: all of them after a load, new ones later.
void SourceWorker::discover() {
    std::vector<kafka::TopicPartition> assignment;
    bool answered = true;
    std::string missing;
    std::vector<std::pair<std::string, uint32_t>> topics;
    for (uint32_t table = 0; table < tables_.size(); ++table)
        topics.emplace_back(tables_[table]->topic(), table);
    if (config_->messageTopic)
        topics.emplace_back(*config_->messageTopic, noTable);
    for (const auto& [topic, table] : topics) {
        if (!answered || worker_.stopping())
            break;
        const auto count = consumer_->partitionCount(topic, metadataTimeout);
        answered = count.has_value(); // no answer for this one, none for the next
        if (answered)
            clusterId_ = consumer_->clusterId();
        if (answered && *count == 0)
            missing += (missing.empty() ? "" : ", ") + topic;
        else if (answered)
            answered = addPartitions(topic, table, *count, assignment);
        if (answered)
            noteWhetherThere(topic, *count > 0);
    }
    if (answered)
        consumer_->clearError();
    if (!assignment.empty())
        consumer_->add(assignment);
    if (answered)
        trouble_ = missing.empty() ? "" : "no such topic: " + missing;
    const bool troubled = !answered || !missing.empty() || !consumer_->lastError().empty();
    nextDiscovery_ =
        Clock::now() + (troubled ? Clock::duration(troubledDiscoveryInterval) : Clock::duration(discoveryInterval));
}

/// A topic that was gone may be another one when it is back: the next process looks at its records again.
void SourceWorker::noteWhetherThere(const std::string& topic, bool there) {
    if (there && missing_.contains(topic))
        outdated_ = true;
    else if (!there && std::any_of(partitions_.begin(), partitions_.end(),
                                   [&](const auto& entry) { return entry.first.first == topic; }))
        missing_.insert(topic);
}

/// False if Kafka did not answer for a partition.
bool SourceWorker::addPartitions(const std::string& topic, uint32_t table, int count,
                                 std::vector<kafka::TopicPartition>& assignment) {
    std::vector<int32_t> unknown;
    for (int32_t partition = 0; partition < count && !bounded_; ++partition)
        if (!partitions_.contains({topic, partition}))
            unknown.push_back(partition);
    if (!unknown.empty())
        worker_.transaction([&] {
            for (const int32_t partition : unknown)
                kafka::createOffset(worker_.key(), topic, partition, clusterId_);
        });
    for (const int32_t partition : unknown) {
        PartitionState& state = partitions_[{topic, partition}];
        state.topic = topic;
        state.partition = partition;
        state.clusterId = clusterId_;
    }
    for (int32_t partition = 0; partition < count; ++partition) {
        const auto known = partitions_.find({topic, partition});
        if (known == partitions_.end())
            continue; // not of the range to replay
        PartitionState& state = known->second;
        state.alone = count == 1 || config_->transactional;
        if (!state.clusterId.empty() && !clusterId_.empty() && state.clusterId != clusterId_)
            throw Error("55000",
                        "server \"" + config_->server + "\" is another Kafka cluster than the offsets of topic \"" +
                            topic + "\" were stored for",
                        "stored for " + state.clusterId + ", this is " + clusterId_,
                        "If the topics were moved, tell where to go on with standin.cdc_seek.");
        if (state.reading)
            continue;
        const Start start = findStart(worker_, *consumer_, state);
        if (start.kind == Start::Kind::NoAnswer)
            return false;
        state.table = table;
        state.reading = true;
        if (start.kind == Start::Kind::Read)
            assignment.push_back({topic, partition, start.offset});
    }
    return true;
}

PartitionState* SourceWorker::stateOf(const kafka::Message& message) {
    PartitionState*& known = byHandle_[{message.topicHandle(), message.partition()}];
    if (!known) {
        const auto state = partitions_.find({message.topic(), message.partition()});
        if (state == partitions_.end())
            return nullptr;
        known = &state->second;
    }
    return known;
}

/// Takes over what has arrived, and notes what Kafka says about partitions.
void SourceWorker::receive() {
    consumer_->poll(messages_, config_->batchRecords, config_->batchBytes);
    origins_.clear();
    for (auto& [key, state] : partitions_) {
        state.next = state.stored;
        state.taken.reset();
        state.counts = {};
    }
    for (size_t i = 0; i < messages_.size(); ++i)
        take(messages_[i]);
}

void SourceWorker::take(kafka::Message message) {
    PartitionState* state = stateOf(message);
    origins_.push_back(nullptr);
    if (state && !state->lost.empty())
        return;
    const bool ofTopic =
        message.error() == RD_KAFKA_RESP_ERR_NO_ERROR || message.error() == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if (state && ofTopic && missing_.contains(state->topic)) {
        outdated_ = true; // librdkafka goes on as if this were the same topic
        return;
    }
    if (message.error() == RD_KAFKA_RESP_ERR_NO_ERROR) {
        // A message from before the position is there to be recognised, or a stale one of librdkafka's.
        if (!state || (message.offset() < state->next && recognise(*state, message)) || !state->lost.empty())
            return;
        if (state->stop && message.offset() >= *state->stop) {
            state->next = *state->stop;
            return;
        }
        state->next = message.offset() + 1;
        state->taken = message;
        origins_.back() = state;
    } else if (message.error() == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (state) {
            state->next = std::max(state->next, message.offset()); // beyond markers of transactions
            if (state->stop)
                state->next = std::min(state->next, *state->stop);
            state->end = std::max(state->end.value_or(0), message.offset());
        }
    } else if (message.error() == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && state) {
        outdated_ |= !isLost(*consumer_, *state);
    } else {
        trouble_ = (state ? state->topic + ": " : "") + message.errorText();
        worker_.setError("08006", trouble_);
        const bool isGone = message.error() == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                            message.error() == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                            message.error() == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (isGone && state)
            missing_.insert(state->topic);
        nextDiscovery_ = std::min(nextDiscovery_, Clock::now() + troubledDiscoveryInterval);
    }
}

bool SourceWorker::nothingToStore() const {
    for (const auto& [key, state] : partitions_)
        if (state.next != state.stored || state.counts.records != 0 || state.end != state.storedEnd)
            return false;
    return true;
}

void SourceWorker::applyBatch() {
    for (auto& [key, state] : partitions_) {
        state.counts = {};
        state.marks.restart();
        if (const auto marks = consumer_->watermarks(state.topic, state.partition))
            state.end = std::max(state.end.value_or(0), marks->high);
    }
    fetchAhead();
    if (!applier_->fetchSchemas(messages_, origins_, [this](int descriptor, std::chrono::milliseconds timeout) {
            worker_.wait(timeout, {descriptor});
            return !worker_.stopping();
        }))
        return;
    if (!nothingToStore() ||
        std::any_of(origins_.begin(), origins_.end(), [](const PartitionState* origin) { return origin; })) {
        bool paused = false;
        worker_.transaction([&] {
            for (const auto& table : tables_)
                table->prepare();
            STANDIN_CRASH_POINT("cdc_before_apply");
            applier_->apply(tables_, messages_, origins_);
            STANDIN_CRASH_POINT("cdc_after_apply");
            storeOffsets();
            if (std::any_of(partitions_.begin(), partitions_.end(),
                            [](const auto& entry) { return entry.second.counts.deadLetters != 0; }))
                paused = pauseIfTooManyLetters(worker_.key());
            STANDIN_CRASH_POINT("cdc_before_commit");
        });
        STANDIN_CRASH_POINT("cdc_after_commit");
        outdated_ |= paused;
    }
    finishBatch();
}

/// The next batch arrives while this one is applied.
void SourceWorker::fetchAhead() {
    if (consumer_->queued() >= static_cast<size_t>(config_->batchRecords))
        return;
    std::vector<kafka::TopicPartition> behind;
    for (const auto& [key, state] : partitions_)
        if (state.reading && state.end.value_or(0) > state.next)
            behind.push_back({state.topic, state.partition, state.next});
    if (!behind.empty())
        consumer_->hurry(behind);
}

void SourceWorker::storeOffsets() {
    for (auto& [key, state] : partitions_) {
        if (state.next != state.stored || state.end != state.storedEnd)
            kafka::moveOffset(worker_.key(), state.topic, state.partition, state.stored, state.next, state.end,
                              clusterId_, state.taken ? std::optional(state.taken->fingerprint()) : std::nullopt);
        if (state.counts.records != 0) {
            recordProgress(worker_.key(), state);
            storeMarks(worker_.key(), state);
        }
    }
}

void SourceWorker::finishBatch() {
    std::vector<kafka::TopicPartition> progress;
    for (auto& [key, state] : partitions_) {
        if (state.next != state.stored)
            progress.push_back({state.topic, state.partition, state.next});
        state.stored = state.next;
        state.storedEnd = state.end;
        state.taken.reset();
        state.marks.keep();
        state.storedForm = state.form;
        state.counts = {};
    }
    if (!progress.empty() && reportsProgress_)
        consumer_->reportProgress(progress);
    for (const std::string& notice : applier_->takeNotices())
        worker_.setError("01000", notice);
    messages_.clear();
    origins_.clear();
    applier_->reset();
    failures_ = 0;
    checkDue_ = true;
    outdated_ |= done(); // the next process has nothing to fetch
}

bool SourceWorker::done() const {
    return bounded_ &&
           std::all_of(partitions_.begin(), partitions_.end(), [](const auto& entry) { return entry.second.done(); });
}

std::string SourceWorker::lostOffsets() const {
    std::string all;
    for (const auto& [key, state] : partitions_)
        if (!state.lost.empty())
            all += (all.empty() ? "" : "; ") + state.lost;
    return all;
}

void SourceWorker::showState() {
    if (const std::string lost = lostOffsets(); !lost.empty()) {
        worker_.setError("55000", lost);
        worker_.setState("troubled", lost);
    } else if (!trouble_.empty()) {
        worker_.setState("troubled", trouble_);
    } else if (!consumer_->lastError().empty()) {
        worker_.setError("08006", consumer_->lastError());
        worker_.setState("disconnected", consumer_->lastError());
        nextDiscovery_ = std::min(nextDiscovery_, Clock::now() + troubledDiscoveryInterval);
    } else if (std::any_of(partitions_.begin(), partitions_.end(),
                           [](const auto& entry) { return entry.second.reading; })) {
        worker_.setState("running");
    }
}

void SourceWorker::logLibraryLines() {
    for (const kafka::LogLine& line : consumer_->takeLog())
        pg::call([&] {
            ereport(line.level <= 3 ? LOG : DEBUG1,
                    errmsg("pg_standin cdc %s: librdkafka: %s", worker_.key().c_str(), line.text.c_str()));
        });
}

namespace {

void workerMain(kernel::Worker& worker) {
    kafka::endWithoutCleanup();
    // Rows and offsets are lost together in a crash, and read again.
    pg::call([] { SetConfigOption("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION); });
    SourceWorker source(worker);
    try {
        source.run();
    } catch (...) {
        source.abandon();
        throw;
    }
    source.abandon();
}

} // namespace

void init() { kernel::registerWorkerKind("cdc", kernel::Channel::cdc, workerMain); }

} // namespace standin::cdc
