#include "cdc/source_applier_pg.h"

#include <algorithm>

#include "cdc/letter_retry_pg.h"
#include "cdc/version_pg.h"
#include "kernel/crash_point.h"

namespace standin::cdc {

namespace {

constexpr auto restWait = std::chrono::milliseconds(200); ///< for the rest of a transaction, before Kafka is asked on

[[noreturn]] void stop() { throw Error("57P01", "the worker is to stop"); }

} // namespace

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
        for (const auto& table : tables_)
            table->prepare();
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
