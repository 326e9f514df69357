#include "cdc/worker_pg.h"

#include <algorithm>
#include <numeric>

#include "cdc/cdc.h"
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
constexpr auto heldCheckInterval = 1s; ///< how often a transaction that is not whole is looked at
constexpr auto conflictRetryInterval = 200ms;
constexpr size_t conflictBatches = 4; ///< so many batches may come together while one waits for what it lacks
constexpr int reconnectFailures = 6;  ///< of the back-off before a worker that cannot repeat its batch starts over
constexpr int metadataTimeout = 500;  // milliseconds; a stop has to wait no longer

} // namespace

SourceWorker::SourceWorker(kernel::Worker& worker) : worker_(worker), source_(worker.key()) {
    if (const size_t slash = source_.find('/'); slash != std::string::npos) {
        ordinal_ = std::stoi(source_.substr(slash + 1));
        source_.resize(slash);
    }
}

void SourceWorker::run() {
    while (!worker_.stopping() && !outdated_) {
        try {
            if (!config_ && !load())
                return;
            step();
        } catch (const kafka::OffsetConflict&) {
            outdated_ = true; // somebody moved the offsets: what is in memory is void
        } catch (const ConflictPending& conflict) {
            awaitTheMissing(conflict);
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
    failures_ = repeatable_ ? failures_ + 1 : reconnectFailures;
    worker_.setError(sqlstate, message);
    worker_.setState("retrying", message);
    const auto until = Clock::now() + std::min<Clock::duration>(100ms * (1 << std::min(failures_, 9)), 30s);
    while (!worker_.stopping() && Clock::now() < until) {
        worker_.wait(std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) + 1ms);
        lookForChanges();
        if (outdated_)
            break;
    }
    outdated_ |= !repeatable_;
}

/// What a record needs may be in another partition: a parent for its foreign key, a unique value that another row gives
/// up. So it is tried again behind what has come of others, or with what comes meanwhile, and only then is it the
/// record's fault.
void SourceWorker::awaitTheMissing(const ConflictPending& conflict) {
    applier_->reset();
    if (!conflictSince_)
        conflictSince_ = Clock::now();
    if (Clock::now() - *conflictSince_ >= config_->conflictTimeout) {
        applier_->deferConflicts(false);
        return;
    }
    if (putOff(conflict.index()) && ++putOffs_ <= partitions_->states().size())
        return;
    putOffs_ = 0;
    worker_.setState("waiting", conflict.what());
    worker_.wait(conflictRetryInterval);
    lookForChanges();
    receiveMore();
}

/// Moves a message, and what follows it in its partition, behind all other partitions' messages. False if they are
/// there already. Between partitions any order is right.
bool SourceWorker::putOff(size_t index) {
    std::vector<size_t> order(messages_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto first = order.begin() + static_cast<ptrdiff_t>(index);
    const auto behind =
        std::stable_partition(first, order.end(), [&](size_t i) { return origins_[i] != origins_[index]; });
    if (behind == first)
        return false;
    messages_.reorder(order);
    std::vector<PartitionState*> origins;
    for (const size_t i : order)
        origins.push_back(origins_[i]);
    origins_ = std::move(origins);
    return true;
}

/// Where one partition says everything in its order, nothing else can be on its way.
bool SourceWorker::conflictsMayPass() const {
    return !config_->transactional && (config_->workers > 1 || partitions_->states().size() > 1);
}

bool SourceWorker::load() {
    auto config = worker_.transaction([&] {
        // A copy of the database may read, but must not move the original's offsets in Kafka.
        reportsProgress_ = !kernel::instanceRefusal();
        groupId_ =
            std::string("pg_standin.") + pg::call([] { return get_database_name(MyDatabaseId); }) + "." + source_;
        auto loaded = loadSource(source_);
        if (loaded) {
            config_ = std::move(loaded);
            partitions_ = std::make_unique<Partitions>(source_, ordinal_, *config_);
            partitions_->load();
        }
        return config_.has_value();
    });
    if (!config)
        return false;
    for (const TableConfig& table : config_->tables)
        tables_.push_back(std::make_unique<TargetTable>(table));
    applier_ = std::make_unique<BatchApplier>(source_, config_->modes, config_->properties);
    applier_->setMessagePolicy({config_->onMessage, config_->messageFunction});
    applier_->setShared(config_->workers > 1);
    if (ordinal_ == 0) {
        signals_ = std::make_unique<SignalSender>(worker_, source_, *config_);
        letters_ = std::make_unique<LetterRetry>(worker_, source_, *config_);
    }
    checkDue_ = true; // for what operators ask
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
            if (signals_)
                signals_->look();
            if (letters_)
                letters_->look();
            const auto config = loadSource(source_);
            return config && *config == *config_ && partitions_->isCurrent();
        });
    } catch (const Error&) {
        outdated_ = true;
    } catch (const pg::PgError&) {
        outdated_ = true;
    }
}

void SourceWorker::connect() {
    worker_.setState("connecting");
    // Under `transaction` each partition has a queue of its own, and its share of what may be fetched ahead.
    const auto queues = config_->transactional ? std::max<size_t>(partitions_->states().size(), 1) : 1;
    consumer_ = std::make_unique<kafka::Consumer>(
        config_->properties, groupId_,
        kafka::ConsumerLimits{std::max<int64_t>(config_->queueKilobytes / static_cast<int64_t>(queues), 1)});
    nextDiscovery_ = {};
}

void SourceWorker::step() {
    attend();
    if (config_->paused || (config_->tables.empty() && !config_->messageTopic)) {
        worker_.setState(config_->paused ? "paused" : "idle", config_->paused ? config_->pauseReason : "no tables");
        return rest();
    }
    if (partitions_->done()) {
        worker_.setState("done");
        return rest();
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
    const bool received = !messages_.empty() || partitions_->anythingToStore();
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
    if (letters_)
        letters_->attend(tables_);
    if (signals_)
        signals_->attend();
}

void SourceWorker::rest() {
    if (!checkDue_)
        worker_.wait(signals_ ? signals_->patience() : 60s);
    lookForChanges();
}

void SourceWorker::sleep() {
    auto until = std::min<Clock::time_point>(Clock::now() + idleWait, nextDiscovery_);
    if (checkDue_)
        until = std::min(until, nextCheck_);
    if (reader_ && reader_->holdsBack())
        until = std::min<Clock::time_point>(until, Clock::now() + heldCheckInterval);
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) + 1ms;
    if (signals_)
        left = std::min(left, signals_->patience());
    worker_.wait(std::max<std::chrono::milliseconds>(left, 0ms), {consumer_->wakeupDescriptor()});
    checkDue_ = true;
}

/// Finds partitions that are not read yet: all of them after a load, new ones later.
void SourceWorker::discover() {
    const Partitions::Discovery found = partitions_->discover(worker_, *consumer_);
    bool started = false;
    if (found.answered) {
        consumer_->clearError();
        trouble_ = found.trouble;
        discovered_ = true;
        // The queues' shares are others now, or a topic's records have to be looked at again.
        outdated_ |= (found.enlarged && config_->transactional) || found.returned;
        started = !outdated_ && startReading();
        applier_->deferConflicts(conflictsMayPass());
    }
    const bool troubled = !started || !trouble_.empty() || !consumer_->lastError().empty();
    nextDiscovery_ =
        Clock::now() + (troubled ? Clock::duration(troubledDiscoveryInterval) : Clock::duration(discoveryInterval));
}

/// False if that is to be tried again.
bool SourceWorker::startReading() {
    if (config_->transactional)
        return startTransactions();
    std::vector<kafka::TopicPartition> assignment;
    bool answered = true;
    for (PartitionState* state : partitions_->waiting()) {
        const Start start = findStart(worker_, source_, *consumer_, *state);
        answered = start.kind != Start::Kind::NoAnswer;
        if (!answered)
            break;
        state->reading = true;
        if (start.kind == Start::Kind::Read)
            assignment.push_back({state->topic, state->partition, start.offset});
    }
    if (!assignment.empty())
        consumer_->add(assignment);
    return answered;
}

/// All partitions or none: without one of them no transaction is whole.
bool SourceWorker::startTransactions() {
    PartitionState* topic = partitions_->transactionTopic();
    if (!reader_) {
        std::vector<std::pair<PartitionState*, Start>> starts;
        for (PartitionState* state : partitions_->waiting())
            starts.emplace_back(state, findStart(worker_, source_, *consumer_, *state));
        if (std::any_of(starts.begin(), starts.end(),
                        [](const auto& start) { return start.second.kind != Start::Kind::Read; }))
            return false;
        reader_ = std::make_unique<TransactionReader>(*consumer_, *config_->transactionTopic, assemblerLimits());
        for (const TableConfig& table : config_->tables)
            if (!table.topic.starts_with("^"))
                reader_->addCollection(dataCollection(table, table.topic));
        for (const auto& [state, start] : starts) {
            state->reading = true;
            if (state == topic)
                continue;
            // No END counts logical messages.
            reader_->addPartition(
                {state->topic, state->partition, state->stored}, start.offset,
                state->table == noTable ? "" : dataCollection(config_->tables[state->table], state->topic));
            lanes_.push_back(state);
        }
    }
    return reader_->started() || reader_->start(topic ? std::optional(topic->stored) : std::nullopt, metadataTimeout);
}

/// What is held together is no more than a batch.
AssemblerLimits SourceWorker::assemblerLimits() const {
    const size_t partitions = std::max<size_t>(partitions_->states().size(), 1);
    AssemblerLimits limits;
    limits.records = config_->batchRecords;
    limits.bytes = config_->batchBytes;
    limits.heldRecords = std::max<size_t>(config_->batchRecords / partitions, 1);
    limits.heldBytes = std::max<size_t>(config_->batchBytes / partitions, 1);
    limits.stallTimeout = config_->stallTimeout;
    limits.applyOnStall = config_->applyOnStall;
    return limits;
}

/// Takes over what has arrived.
void SourceWorker::receive() {
    origins_.clear();
    for (auto& [key, state] : partitions_->states())
        state.next = state.stored;
    partitions_->restartBatch();
    if (!config_->transactional)
        receiveMore();
    else if (reader_ && reader_->started())
        receiveTransactions();
}

void SourceWorker::receiveMore() {
    if (messages_.size() >= conflictBatches * config_->batchRecords ||
        messages_.bytes() >= conflictBatches * config_->batchBytes)
        return;
    consumer_->poll(messages_, messages_.size() + config_->batchRecords, messages_.bytes() + config_->batchBytes);
    while (origins_.size() < messages_.size()) {
        const kafka::Message message = messages_[origins_.size()];
        PartitionState* state = partitions_->find(message);
        origins_.push_back(nullptr);
        if (message.error() != RD_KAFKA_RESP_ERR_NO_ERROR) {
            note(message, state);
        } else if (state && take(message, *state)) {
            state->next = message.offset() + 1;
            origins_.back() = state;
        }
    }
}

/// Whether the message is one to apply.
bool SourceWorker::take(const kafka::Message& message, PartitionState& state) {
    if (!state.lost.empty())
        return false;
    if (partitions_->isMissing(state.topic)) {
        outdated_ = true; // librdkafka goes on as if this were the same topic
        return false;
    }
    if (message.offset() < state.next) { // there to be recognised, or a stale one of librdkafka's
        recognise(state, message);
        return false;
    }
    if (state.stop && message.offset() >= *state.stop) {
        state.next = *state.stop;
        return false;
    }
    return true;
}

void SourceWorker::receiveTransactions() {
    kafka::MessageBatch general; // callbacks are served, errors of no partition come
    consumer_->poll(general, 1, 1);
    for (size_t i = 0; i < general.size(); ++i)
        note(general[i], partitions_->find(general[i]));
    std::vector<uint32_t> lanes;
    const bool repeatable = std::exchange(repeatable_, false); // what the reader held when it failed is lost
    release_ = reader_->read(
        messages_, lanes, [this](const kafka::Message& message) { note(message, partitions_->find(message)); },
        [this](const kafka::Message& message) { return applier_->look(message, registryWait()); });
    repeatable_ = repeatable;
    for (const uint32_t lane : lanes)
        origins_.push_back(lanes_[lane]);
    PartitionState* topic = partitions_->transactionTopic();
    if (topic)
        topic->counts.incomplete += release_.incomplete;
    if (!release_.boundary)
        return;
    if (topic)
        topic->next = std::max(topic->stored, reader_->topicNext());
    for (uint32_t lane = 0; lane < lanes_.size(); ++lane)
        lanes_[lane]->next = std::max(lanes_[lane]->stored, reader_->nextOffset(lane));
}

/// What Kafka says about a partition, and messages from before its position.
void SourceWorker::note(const kafka::Message& message, PartitionState* state) {
    const auto error = message.error();
    const bool isGone = error == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || error == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
                        error == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (state && !recognise(*state, message))
            throw Error("55000", state->lost);
    } else if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (!state || !state->lost.empty() || partitions_->isMissing(state->topic))
            return;
        if (!config_->transactional)
            state->next = std::max(state->next, message.offset()); // beyond markers of transactions
        if (state->stop)
            state->next = std::min(state->next, *state->stop);
        state->end = std::max(state->end.value_or(0), message.offset());
    } else if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET && state) {
        outdated_ |= !isLost(*consumer_, *state);
    } else {
        trouble_ = (state ? state->topic + ": " : "") + message.errorText();
        worker_.setError("08006", trouble_);
        nextDiscovery_ = std::min(nextDiscovery_, Clock::now() + troubledDiscoveryInterval);
        if (!isGone || !state)
            return;
        partitions_->setMissing(state->topic);
        if (config_->transactional)
            throw Error("55000", trouble_); // nothing of a transaction that another topic of this name may say more of
    }
}

kafka::HttpClient::Wait SourceWorker::registryWait() {
    return [this](int descriptor, std::chrono::milliseconds timeout) {
        worker_.wait(timeout, {descriptor});
        return !worker_.stopping();
    };
}

void SourceWorker::applyBatch() {
    partitions_->restartBatch();
    if (PartitionState* topic = config_->transactional ? partitions_->transactionTopic() : nullptr)
        topic->counts.incomplete = release_.incomplete;
    for (auto& [key, state] : partitions_->states())
        if (const auto marks = consumer_->watermarks(state.topic, state.partition))
            state.end = std::max(state.end.value_or(0), marks->high);
    fetchAhead();
    if (!applier_->fetchSchemas(messages_, origins_, registryWait()))
        return;
    if (partitions_->anythingToStore() ||
        std::any_of(origins_.begin(), origins_.end(), [](const PartitionState* origin) { return origin; })) {
        bool paused = false;
        worker_.transaction([&] {
            for (const auto& table : tables_)
                table->prepare();
            STANDIN_CRASH_POINT("cdc_before_apply");
            applier_->apply(tables_, messages_, origins_);
            applyParts();
            STANDIN_CRASH_POINT("cdc_after_apply");
            for (size_t i = 0; i < origins_.size(); ++i)
                if (origins_[i])
                    origins_[i]->taken = messages_[i];
            partitions_->store();
            if (std::any_of(partitions_->states().begin(), partitions_->states().end(),
                            [](const auto& entry) { return entry.second.counts.deadLetters != 0; }))
                paused = pauseIfTooManyLetters(source_);
            STANDIN_CRASH_POINT("cdc_before_commit");
        });
        STANDIN_CRASH_POINT("cdc_after_commit");
        outdated_ |= paused;
    }
    finishBatch();
}

/// The rest of a source transaction of which only a part fits in memory, in the transaction that is open.
void SourceWorker::applyParts() {
    auto deadline = Clock::now() + config_->stallTimeout;
    while (config_->transactional && !release_.boundary) {
        repeatable_ = false; // the parts before this one are gone with the transaction
        messages_.clear();
        origins_.clear();
        receiveTransactions();
        if (!messages_.empty()) {
            STANDIN_CRASH_POINT("cdc_between_parts");
            if (!applier_->fetchSchemas(messages_, origins_, registryWait()))
                throw Error("57P01", "the worker is to stop");
            applier_->apply(tables_, messages_, origins_);
            deadline = Clock::now() + config_->stallTimeout;
        } else if (!release_.boundary) {
            if (worker_.stopping())
                throw Error("57P01", "the worker is to stop");
            if (Clock::now() >= deadline)
                throw Error("55000",
                            "a transaction of the source was given up in its midst: nothing more of it came "
                            "within stall_timeout",
                            reader_->standing().detail);
            fetchAhead();
            logLibraryLines();
            worker_.wait(checkInterval, {consumer_->wakeupDescriptor()});
        }
    }
}

/// The next batch arrives while this one is applied.
void SourceWorker::fetchAhead() {
    if (reader_) {
        if (reader_->started())
            reader_->fetchAhead();
        return;
    }
    if (consumer_->queued() >= static_cast<size_t>(config_->batchRecords))
        return;
    std::vector<kafka::TopicPartition> behind;
    for (const auto& [key, state] : partitions_->states())
        if (state.reading && state.end.value_or(0) > state.next)
            behind.push_back({state.topic, state.partition, state.next});
    if (!behind.empty())
        consumer_->hurry(behind);
}

void SourceWorker::finishBatch() {
    const auto progress = partitions_->committed();
    if (!progress.empty() && reportsProgress_)
        consumer_->reportProgress(progress);
    for (const std::string& notice : applier_->takeNotices())
        worker_.setError("01000", notice);
    messages_.clear();
    origins_.clear();
    release_ = {};
    repeatable_ = true;
    conflictSince_.reset();
    putOffs_ = 0;
    applier_->reset();
    applier_->deferConflicts(conflictsMayPass());
    failures_ = 0;
    checkDue_ = true;
    outdated_ |= partitions_->done(); // the next process has nothing to fetch
}

void SourceWorker::showState() {
    if (const std::string lost = partitions_->lost(); !lost.empty()) {
        worker_.setError("55000", lost);
        worker_.setState("troubled", lost);
        return;
    }
    if (!trouble_.empty()) {
        worker_.setState("troubled", trouble_);
        return;
    }
    if (!consumer_->lastError().empty()) {
        worker_.setError("08006", consumer_->lastError());
        worker_.setState("disconnected", consumer_->lastError());
        nextDiscovery_ = std::min(nextDiscovery_, Clock::now() + troubledDiscoveryInterval);
        return;
    }
    const auto standing =
        reader_ && reader_->started() ? reader_->standing() : TransactionAssembler::Standing{false, ""};
    if (!standing.detail.empty())
        worker_.setState(standing.stalled ? "stalled" : "waiting", standing.detail);
    else if (std::any_of(partitions_->states().begin(), partitions_->states().end(),
                         [](const auto& entry) { return entry.second.reading; }))
        worker_.setState("running");
    else if (discovered_)
        worker_.setState("running", "no partition is this worker's");
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
