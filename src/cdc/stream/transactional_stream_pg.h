#pragma once

#include "cdc/stream/stream_pg.h"
#include "cdc/transaction/reader.h"

namespace standin::cdc {

/// Consistency `transaction`: whole transactions of the source, in their order across partitions; of one that does not
/// fit in memory one part after the other.
class TransactionalStream : public Stream {
public:
    TransactionalStream(const StreamContext& context, const std::string& groupId, TransactionReader::Look look);

    /// After it threw, or between two parts, nothing is repeatable: what the reader gave away is gone.
    void receive(Batch& batch) override;
    void fetchAhead() override;
    bool atBoundary() const override { return release_.boundary; }
    void count() override;
    void committed() override;
    bool repeatable() const override { return repeatable_; }
    bool holdsBack() const override { return reader_ && reader_->holdsBack(); }
    std::optional<Standing> standing() const override;

private:
    bool start() override;
    /// The queues' shares of what may be fetched ahead would be others.
    bool canGrow() const override { return false; }
    void lostTopic() override;
    bool makeReader();
    AssemblerLimits assemblerLimits() const;
    void noteAny(const kafka::Message& message);
    void moveOn();

    const TransactionReader::Look look_;
    std::unique_ptr<TransactionReader> reader_;
    std::vector<PartitionState*> lanes_; ///< of the reader, by number
    Release release_;                    ///< what was received last
    bool repeatable_ = true;
};

} // namespace standin::cdc
