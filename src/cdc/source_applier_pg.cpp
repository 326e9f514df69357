#include "cdc/source_applier_pg.h"

#include <algorithm>

#include "base/text.h"
#include "cdc/config/config_version_pg.h"
#include "cdc/dead_letter/limit_pg.h"
#include "cdc/dead_letter_retry_pg.h"
#include "cdc/failure/failure.h"
#include "kernel/crash_point.h"

namespace standin::cdc {

namespace {

constexpr auto endsInterval = std::chrono::seconds(1);    ///< how often others see how far Kafka is, beside each commit
constexpr auto restWait = std::chrono::milliseconds(200); ///< for the rest of a transaction, before Kafka is asked on

constexpr auto stoppedWait = std::chrono::seconds(10); ///< until a table that stopped is tried again

[[noreturn]] void stop() { throw Error("57P01", "the worker is to stop"); }

} // namespace

std::string shortened(const std::string& message, const std::string& place) {
    constexpr size_t room = 250, least = 80;
    return (place.empty() ? message : foreignText(message, std::max(least, room - std::min(room, place.size())))) +
           place;
}

SourceApplier::SourceApplier(kernel::Worker& worker, const std::string& source, const SourceConfig& config,
                             Partitions& partitions)
    : worker_(worker), source_(source), config_(config), partitions_(partitions),
      barrier_(source, config.workers == 1, config.transactional),
      reader_(worker, config.properties, config.queueKilobytes), applier_(source, config.modes, config.properties) {
    for (const TableConfig& table : config.tables)
        tables_.push_back(std::make_unique<TargetTable>(table));
    applier_.setMessagePolicy({config.onMessage, config.messageFunction});
    applier_.setShared(config.workers > 1);
    applier_.setTruncates(barrier_, reader_, patience());
    applier_.setReadsSchemaChanges(config.schemaTopic.has_value());
}

SourceApplier::Outcome SourceApplier::apply(Stream& stream, Batch& batch) {
    partitions_.restartBatch();
    stream.count();
    partitions_.noteEnds(stream.consumer());
    if (const auto now = std::chrono::steady_clock::now(); now >= nextEnds_) {
        partitions_.showEnds(worker_, stream.consumer()); // the batch may take long, or wait for a lock
        nextEnds_ = now + endsInterval;
    }
    stream.fetchAhead();
    if (!applier_.fetchSchemas(batch.messages, batch.origins, patience()))
        return Outcome::Stopped;
    if (!partitions_.anythingToStore() && !batch.anythingToApply())
        return Outcome::Committed;
    bool paused = false;
    try {
        paused = applyBatch(stream, batch);
    } catch (const MustBeAlone&) {
        barrier_.wantAlone(true);
        applier_.reset();
        return apply(stream, batch);
    } catch (const TableStopped& stop) {
        if (config_.transactional)
            throw; // a transaction of the source is applied whole
        stopTable(stop, stream, batch);
        return apply(stream, batch);
    }
    barrier_.wantAlone(false);
    STANDIN_CRASH_POINT("cdc_after_commit");
    return paused ? Outcome::Paused : Outcome::Committed;
}

/// Whether the source is paused now.
bool SourceApplier::applyBatch(Stream& stream, Batch& batch) {
    const auto& states = partitions_.states();
    return worker_.transaction([&] {
        if (std::any_of(states.begin(), states.end(), [](const auto& entry) { return !entry.second.alone; }))
            barrier_.enter();
        prepare();
        STANDIN_CRASH_POINT("cdc_before_apply");
        applier_.apply(tables_, batch.messages, batch.origins);
        applyRest(stream, batch);
        STANDIN_CRASH_POINT("cdc_after_apply");
        for (size_t i = 0; i < batch.origins.size(); ++i)
            if (batch.origins[i])
                batch.origins[i]->taken = batch.messages[i];
        partitions_.store();
        const bool buried = std::any_of(states.begin(), states.end(),
                                        [](const auto& entry) { return entry.second.counts.deadLetters != 0; });
        const bool paused = buried && pauseIfTooManyLetters(source_);
        requireVersion(source_, config_.version);
        STANDIN_CRASH_POINT("cdc_before_commit");
        return paused;
    });
}

void SourceApplier::prepare() {
    for (uint32_t i = 0; i < tables_.size(); ++i) {
        if (stopped_.contains(i))
            continue;
        try {
            tables_[i]->prepare();
        } catch (const Error& error) {
            throw TableStopped(i, error.sqlstate(), error.what(), error.hint());
        } catch (const pg::PgError& error) {
            if (!isTableError(error.sqlstate()))
                throw;
            throw TableStopped(i, error.sqlstate(), error.what(), error.data().hint ? error.data().hint : "");
        }
    }
}

/// Its partitions stay where they are stored, so that nothing of it is lost or comes out of order.
void SourceApplier::stopTable(const TableStopped& stop, Stream& stream, Batch& batch) {
    const TargetTable& table = *tables_[stop.table()];
    const std::string why =
        (table.name().empty() ? "the table of topic \"" + table.topic() + '"' : "table " + table.name()) +
        " is stopped: " + shortened(stop.what(), applier_.takePlace()) +
        (stop.hint().empty() ? "" : ". " + stop.hint());
    worker_.setError(stop.sqlstate(), why);
    if (stopped_.empty())
        retryAt_ = std::chrono::steady_clock::now() + stoppedWait;
    stopped_.insert(stop.table());
    stream.consumer().pause(partitions_.stop(stop.table(), why));
    for (PartitionState*& origin : batch.origins)
        if (origin && origin->table == stop.table())
            origin = nullptr;
    applier_.reset();
}

/// What has to follow in the transaction that is open.
void SourceApplier::applyRest(Stream& stream, Batch& batch) {
    auto deadline = std::chrono::steady_clock::now() + config_.stallTimeout;
    while (!stream.atBoundary()) {
        applier_.goOn(batch.messages, batch.origins);
        batch.clear();
        stream.receive(batch);
        stream.count();
        if (!batch.empty()) {
            STANDIN_CRASH_POINT("cdc_between_parts");
            if (!applier_.fetchSchemas(batch.messages, batch.origins, patience()))
                stop();
            applier_.apply(tables_, batch.messages, batch.origins);
            deadline = std::chrono::steady_clock::now() + config_.stallTimeout;
        } else if (!stream.atBoundary()) {
            if (std::chrono::steady_clock::now() >= deadline)
                throw Error("55000",
                            "a transaction of the source was given up in its midst: nothing more of it came within "
                            "stall_timeout",
                            stream.standing().value_or(Stream::Standing{}).detail);
            awaitMore(stream);
        }
    }
}

void SourceApplier::awaitMore(Stream& stream) {
    if (worker_.stopping())
        stop();
    stream.fetchAhead();
    stream.logLibraryLines();
    worker_.wait(restWait, {stream.consumer().wakeupDescriptor()});
}

/// For the schema registry.
kafka::HttpClient::Wait SourceApplier::patience() {
    return [this](int descriptor, std::chrono::milliseconds timeout) {
        worker_.wait(timeout, {descriptor});
        return !worker_.stopping();
    };
}

} // namespace standin::cdc
