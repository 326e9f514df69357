#pragma once

#include "cdc/stream/stream_pg.h"

namespace standin::cdc {

/// Consistency `eventual`: each partition in its own order, and whatever has come.
class EventualStream : public Stream {
public:
    EventualStream(const StreamContext& context, const std::string& groupId);

    /// So much that the batch is no more than a few batches in one; but changes of the schema in any case.
    void receive(Batch& batch) override;
    void fetchAhead() override;
    bool conflictsMayPass() const override;

private:
    bool start() override;
    bool canGrow() const override { return true; }
    void reachedEnd(PartitionState& state, int64_t offset) override;
    bool take(const kafka::Message& message, PartitionState& state);

    /// Of the schema change topic: what rows wait for must not stand behind them.
    std::vector<kafka::PartitionQueue> schemaChanges_;
};

} // namespace standin::cdc
