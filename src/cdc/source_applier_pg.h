#pragma once

#include "cdc/stream_pg.h"

namespace standin::cdc {

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

    void deferConflicts(bool defer) { applier_.deferConflicts(defer); }
    std::vector<std::string> takeNotices() { return applier_.takeNotices(); }
    /// A message's value as JSON; valid until the next call.
    std::optional<std::string_view> look(const kafka::Message& message) { return applier_.look(message, patience()); }
    std::vector<std::unique_ptr<TargetTable>>& tables() { return tables_; }

private:
    bool applyBatch(Stream& stream, Batch& batch);
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
};

} // namespace standin::cdc
