#pragma once

#include <memory>

#include "base/backoff.h"
#include "cdc/apply/batch_applier_pg.h"
#include "cdc/config/source_config_pg.h"
#include "cdc/stream/range_reader_pg.h"

namespace standin::cdc {

/// Retries the dead letters that operators asked for, in order, each in the transaction that takes it away. Records'
/// own faults bury it again; the world's leave it waiting for a while, and the stream goes on.
class LetterRetry {
public:
    LetterRetry(kernel::Worker& worker, std::string source, const SourceConfig& config);

    /// Whether something is asked for. Needs a transaction.
    void look();
    void attend(std::vector<std::unique_ptr<TargetTable>>& tables);
    /// What is asked for could not be done when it was tried last.
    bool fails() const { return due_ && clock_.left() > std::chrono::milliseconds(0); }

private:
    struct Letter {
        kafka::StoredRecord record;
        std::string table; ///< the topic, or pattern of topics, that the table has
        bool redacted;     ///< `record` lacks what is in Kafka only
        bool refused;
    };

    std::optional<Letter> next();
    bool lock(const kafka::StoredRecord& record);
    bool readAgain(kafka::StoredRecord& record);
    bool retryOne(std::vector<std::unique_ptr<TargetTable>>& tables);
    void apply(std::vector<std::unique_ptr<TargetTable>>& tables, const Letter& letter);

    kernel::Worker& worker_;
    const std::string source_;
    const int64_t version_; ///< of the source
    const std::optional<std::string> messageTopic_;
    BatchApplier applier_;
    RangeReader reader_; ///< of redacted records
    bool due_ = false;
    RetryClock clock_;
};

} // namespace standin::cdc
