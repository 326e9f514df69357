#pragma once

#include <chrono>
#include <set>

#include "cdc/apply/batch_applier_pg.h"
#include "cdc/stream/stream_pg.h"

namespace standin::cdc {

/// An error and its place, in what stat_worker has room for.
std::string shortened(const std::string& message, const std::string& place);

/// Applies what a stream hands out, each batch in one transaction with its offsets.
class SourceApplier {
public:
    SourceApplier(kernel::Worker& worker, const std::string& source, const SourceConfig& config,
                  Partitions& partitions);

    enum class Outcome : uint8_t {
        Committed,
        Paused, ///< committed, and the source was paused as too many records of it became dead letters
        Stopped ///< the worker is to stop: the batch stays
    };
    Outcome apply(Stream& stream, Batch& batch);
    /// After that, one way or the other.
    void reset() { applier_.reset(); }
    /// Where it failed; empty if that is not known.
    std::string takePlace() { return applier_.takePlace(); }
    /// Whether tables that stopped are to be tried again, from where they stopped: by a process that starts there.
    bool isRetryDue() const { return !stopped_.empty() && std::chrono::steady_clock::now() >= retryAt_; }

    void deferConflicts(bool defer) { applier_.deferConflicts(defer); }
    std::vector<std::string> takeNotices() { return applier_.takeNotices(); }
    /// A message's value as JSON; valid until the next call.
    std::optional<std::string_view> look(const kafka::Message& message) { return applier_.look(message, patience()); }
    std::vector<std::unique_ptr<TargetTable>>& tables() { return tables_; }

private:
    bool applyBatch(Stream& stream, Batch& batch);
    void prepare();
    void stopTable(const TableStopped& stop, Stream& stream, Batch& batch);
    void applyRest(Stream& stream, Batch& batch);
    void awaitMore(Stream& stream);
    kafka::HttpClient::Wait patience();

    kernel::Worker& worker_;
    const std::string& source_;
    const SourceConfig& config_;
    Partitions& partitions_;
    std::vector<std::unique_ptr<TargetTable>> tables_;
    TruncateBarrier barrier_;
    RangeReader reader_;
    BatchApplier applier_;
    std::chrono::steady_clock::time_point nextEnds_{};
    std::set<uint32_t> stopped_; ///< tables that cannot be written
    std::chrono::steady_clock::time_point retryAt_;
};

} // namespace standin::cdc
