#pragma once

#include <functional>
#include <memory>

#include "kafka/kafka_pg.h"
#include "kernel/worker.h"

namespace standin::cdc {

/// Reads records again that a worker has applied, aside from its stream. Throws Error (08006) if Kafka does not answer,
/// (57P01) if the worker is to stop.
class RangeReader {
public:
    RangeReader(kernel::Worker& worker, kafka::Properties properties, int64_t queueKilobytes)
        : worker_(worker), properties_(std::move(properties)), queueKilobytes_(queueKilobytes) {}
    ~RangeReader();

    using Take = std::function<void(const kafka::Message&)>;
    /// Hands out what Kafka has of the records `from` to `to`, the latter excluded. False if it no longer has `from`
    /// and knows nothing of it.
    bool read(const std::string& topic, int32_t partition, int64_t from, int64_t to, const Take& take);

    bool exists(const std::string& topic);
    kafka::Watermarks watermarks(const std::string& topic, int32_t partition);
    /// The first record of this time (milliseconds since 1970) or later; nothing if there is none.
    std::optional<int64_t> offsetAt(const std::string& topic, int32_t partition, int64_t milliseconds);

private:
    kafka::Consumer& consumer();

    kernel::Worker& worker_;
    const kafka::Properties properties_;
    const int64_t queueKilobytes_;
    std::unique_ptr<kafka::Consumer> consumer_; ///< once there is something to read
};

} // namespace standin::cdc
