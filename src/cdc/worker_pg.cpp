#include "cdc/worker_pg.h"

#include <algorithm>

#include "base/backoff.h"
#include "cdc/apply/key_change_pg.h"
#include "cdc/cdc.h"
#include "cdc/config/config_version_pg.h"
#include "cdc/stream/eventual_stream_pg.h"
#include "cdc/stream/transactional_stream_pg.h"
#include "kernel/instance.h"

extern "C" {
#include <commands/dbcommands.h>
}

namespace standin::cdc {

using namespace std::chrono_literals;

namespace {

constexpr auto idleWait = 5s;
constexpr auto checkInterval = 200ms; ///< how often a busy worker looks at what its transactions do not notice
constexpr auto discoveryInterval = 30s;
constexpr auto troubledDiscoveryInterval = 1s;
constexpr auto heldCheckInterval = 1s; ///< how often a transaction that is not whole is looked at
constexpr auto conflictRetryInterval = 200ms;
constexpr auto retryLookInterval = 500ms; ///< how often one that cannot go on looks at Kafka, and at who is in its way
constexpr int reconnectFailures = 6;      ///< of the back-off before a worker that cannot repeat its batch starts over

} // namespace

SourceWorker::SourceWorker(kernel::Worker& worker) : worker_(worker), source_(worker.key()) {
    if (const size_t slash = source_.find('/'); slash != std::string::npos) {
        ordinal_ = std::stoi(source_.substr(slash + 1));
        source_.resize(slash);
    }
}

void SourceWorker::run() {
    while (!worker_.stopping() && !isOutdated()) {
        try {
            if (!config_ && !load())
                return;
            step();
        } catch (const kafka::OffsetConflict&) {
            outdated_ = true; // somebody moved the offsets: what is in memory is void
        } catch (const VersionChanged&) {
            outdated_ = true;
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
    if (stream_)
        stream_->consumer().abandon();
}

/// The batch at hand stays: its messages are applied again. Records' own faults never come here.
void SourceWorker::retryLater(const std::string& sqlstate, const std::string& message) {
    const std::string place = applier_ ? applier_->takePlace() : "";
    if (applier_)
        applier_->reset();
    const bool repeatable = !stream_ || stream_->repeatable();
    failures_ = repeatable ? failures_ + 1 : reconnectFailures;
    const std::string holders = sqlstate == "55P03" ? lockHolders() : "";
    const bool blocked = !holders.empty(); // else nobody is in the way any more, or a trigger said so
    if (blocked) {
        worker_.showBlocked(message + ": " + holders);
    } else {
        const std::string shown = shortened(message, place);
        worker_.setError(sqlstate, shown);
        worker_.setState("retrying", shown);
    }
    const auto until = Clock::now() + exponentialBackoff(failures_, 200ms, blocked ? 10s : 30s);
    while (!worker_.stopping() && !isOutdated() && Clock::now() < until) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) + 1ms;
        worker_.wait(std::min<std::chrono::milliseconds>(left, retryLookInterval));
        lookForChanges();
        showEnds();
        if (blocked && lockHolders() != holders)
            break;
    }
    outdated_ |= !repeatable;
    if (sqlstate == "55000" && config_ && config_->schemaTopic && !batch_.empty() && !isOutdated())
        awaitAnew();
}

/// Who has locked what this worker writes, or rows of it: a target, or a definition, an offset, a dead letter.
std::string SourceWorker::lockHolders() {
    std::vector<int64_t> targets;
    if (config_)
        for (const TableConfig& table : config_->tables)
            targets.push_back(table.target);
    return worker_.holdersOf(targets, "^(cdc|kafka)_");
}

/// How far Kafka has got meanwhile. What goes wrong with it is what the worker retries for.
void SourceWorker::showEnds() {
    if (!stream_ || !stream_->knowsEnds())
        return;
    try {
        partitions_->showEnds(worker_, stream_->consumer());
    } catch (const Error&) {
    } catch (const pg::PgError&) {
    }
}

/// What the schema change topic has to say of a table may have come by now.
void SourceWorker::awaitAnew() {
    conflictSince_.reset();
    putOffs_ = 0;
    applier_->deferConflicts(stream_->conflictsMayPass());
    stream_->receive(batch_);
}

/// What a record needs may be in another partition: a parent for its foreign key, a unique value that another row gives
/// up, its own row under the old key. So it is tried again behind what has come of others; these go on without it, for
/// another worker may wait for one of them; then with what comes meanwhile, and only then is it the record's fault.
void SourceWorker::awaitTheMissing(const ConflictPending& conflict) {
    applier_->reset();
    if (!conflictSince_)
        conflictSince_ = Clock::now();
    if (Clock::now() - *conflictSince_ >= config_->conflictTimeout) {
        takeBack();
        applier_->deferConflicts(false);
        return;
    }
    if (batch_.putOff(conflict.index()) && ++putOffs_ <= partitions_->states().size())
        return;
    putOffs_ = 0;
    if (leaveForLater(conflict.index()))
        return;
    takeBack();
    worker_.setState("waiting", conflict.what());
    worker_.wait(conflictRetryInterval);
    lookForChanges();
    stream_->receive(batch_);
}

/// Whether anything else is to be applied.
bool SourceWorker::leaveForLater(size_t index) {
    PartitionState& state = *batch_.origins[index];
    leftFrom_.emplace(&state, state.next);
    state.next = batch_.messages[index].offset();
    batch_.leave(index);
    return batch_.anythingToApply();
}

void SourceWorker::takeBack() {
    batch_.takeBack();
    for (const auto& [state, next] : leftFrom_)
        if (state->goesOn())
            state->next = next;
        else // its table was stopped meanwhile
            std::replace(batch_.origins.begin(), batch_.origins.end(), state, static_cast<PartitionState*>(nullptr));
    leftFrom_.clear();
}

bool SourceWorker::load() {
    std::unique_ptr<const SourceConfig> config;
    std::unique_ptr<Partitions> partitions;
    worker_.transaction([&] {
        groupId_ =
            std::string("pg_standin.") + pg::call([] { return get_database_name(MyDatabaseId); }) + "." + source_;
        if (auto loaded = loadSource(source_)) {
            config = std::make_unique<const SourceConfig>(std::move(*loaded));
            partitions = std::make_unique<Partitions>(source_, ordinal_, *config);
            partitions->load();
            for (const TableConfig& table : config->tables)
                maskKeyChanges(source_, table);
        }
        kernel::requireInstance(); // a restore may have begun since the supervisor asked
    });
    if (!config)
        return false;
    applier_ = std::make_unique<SourceApplier>(worker_, source_, *config, *partitions);
    if (ordinal_ == 0) {
        signals_ = std::make_unique<SignalSender>(worker_, source_, *config);
        letters_ = std::make_unique<LetterRetry>(worker_, source_, *config);
        gaps_ = std::make_unique<GapWatch>(worker_, source_, *config,
                                           [this](const kafka::Message& message) { return applier_->look(message); });
    }
    partitions_ = std::move(partitions);
    config_ = std::move(config);
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
    const StreamContext context{worker_, source_, *config_, *partitions_};
    if (config_->transactional)
        stream_ = std::make_unique<TransactionalStream>(
            context, groupId_, [this](const kafka::Message& message) { return applier_->look(message); });
    else
        stream_ = std::make_unique<EventualStream>(context, groupId_);
    nextDiscovery_ = {};
}

void SourceWorker::step() {
    attend();
    outdated_ |= applier_->isRetryDue();
    if (config_->paused || (config_->tables.empty() && !config_->messageTopic)) {
        worker_.setState(config_->paused ? "paused" : "idle", config_->paused ? config_->pauseReason : "no tables");
        return rest();
    }
    if (partitions_->done()) {
        worker_.setState("done");
        return rest();
    }
    if (!stream_)
        connect();
    if (Clock::now() >= nextDiscovery_)
        discover();
    if (isOutdated())
        return;
    if (batch_.empty())
        receive();
    stream_->logLibraryLines();
    const bool received = !batch_.empty() || partitions_->anythingToStore();
    if (received)
        applyBatch();
    const bool goesOn = stream_->showState();
    if (gaps_)
        gaps_->attend();
    if (stream_->knowsEnds())
        worker_.sawEnd();
    if (goesOn && (!letters_ || !letters_->fails()))
        worker_.recovered();
    if (stream_->troubled())
        nextDiscovery_ = std::min<Clock::time_point>(nextDiscovery_, Clock::now() + troubledDiscoveryInterval);
    if (!received)
        sleep();
    if (!worker_.stopping() && checkDue_ && Clock::now() >= nextCheck_)
        lookForChanges();
}

/// What operators ask of a source besides its stream; also while it is paused.
void SourceWorker::attend() {
    if (letters_)
        letters_->attend(applier_->tables());
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
    if (stream_->holdsBack())
        until = std::min<Clock::time_point>(until, Clock::now() + heldCheckInterval);
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()) + 1ms;
    if (signals_)
        left = std::min(left, signals_->patience());
    if (gaps_)
        left = std::min(left, gaps_->patience());
    worker_.wait(std::max<std::chrono::milliseconds>(left, 0ms), {stream_->consumer().wakeupDescriptor()});
    checkDue_ = true;
}

void SourceWorker::discover() {
    bool settled = stream_->discover();
    while (stream_->outgrown()) {
        connect();
        settled = stream_->discover();
    }
    applier_->deferConflicts(stream_->conflictsMayPass());
    nextDiscovery_ = Clock::now() + (settled ? Clock::duration(discoveryInterval) : troubledDiscoveryInterval);
}

void SourceWorker::receive() {
    batch_.clear();
    partitions_->beginBatch();
    stream_->receive(batch_);
}

void SourceWorker::applyBatch() {
    const auto outcome = applier_->apply(*stream_, batch_);
    outdated_ |= outcome == SourceApplier::Outcome::Paused;
    if (outcome != SourceApplier::Outcome::Stopped)
        finishBatch();
}

void SourceWorker::finishBatch() {
    const auto progress = partitions_->committed();
    stream_->committed();
    const bool left = batch_.anythingLeft();
    batch_.keepLeft();
    takeBack();
    if (!progress.empty())
        stream_->consumer().reportProgress(progress);
    for (const std::string& notice : applier_->takeNotices())
        worker_.setError("01000", notice);
    applier_->reset();
    applier_->deferConflicts(stream_->conflictsMayPass());
    if (!left)
        conflictSince_.reset();
    putOffs_ = 0;
    failures_ = 0;
    checkDue_ = true;
    outdated_ |= partitions_->done(); // the next process has nothing to fetch
}

namespace {

void workerMain(kernel::Worker& worker) {
    kafka::endWithoutCleanup();
    enterWorker();
    pg::pinSetting("synchronous_commit", "off"); // rows and offsets are lost together in a crash, and read again
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

void init() { kernel::registerWorkerKind("cdc", kernel::Channel::cdc, kernel::Rank::capture, workerMain); }

} // namespace standin::cdc
