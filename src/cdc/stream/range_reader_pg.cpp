#include "cdc/stream/range_reader_pg.h"

namespace standin::cdc {

namespace {

constexpr auto patience = std::chrono::seconds(10); // without any record; the stream waits meanwhile
constexpr int askTimeout = 2000;                    // milliseconds

[[noreturn]] void noAnswer() { throw Error("08006", "Kafka did not send records that are to be read again"); }

} // namespace

RangeReader::~RangeReader() {
    if (consumer_)
        consumer_->abandon(); // the process is about to end
}

kafka::Consumer& RangeReader::consumer() {
    if (!consumer_)
        consumer_ =
            std::make_unique<kafka::Consumer>(properties_, "pg_standin.retry", kafka::ConsumerLimits{queueKilobytes_});
    return *consumer_;
}

bool RangeReader::read(const std::string& topic, int32_t partition, int64_t from, int64_t to, const Take& take) {
    consumer().readNothing();
    consumer().readFrom({topic, partition, from});
    auto until = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < until) {
        if (worker_.stopping())
            throw Error("57P01", "the worker is to stop");
        kafka::MessageBatch batch;
        consumer().poll(batch, 1000, 1 << 20);
        for (size_t i = 0; i < batch.size(); ++i) {
            const kafka::Message message = batch[i];
            if (message.topic() != topic || message.partition() != partition)
                continue; // of the partition read before
            const bool isRecord = message.error() == RD_KAFKA_RESP_ERR_NO_ERROR;
            if (message.error() == RD_KAFKA_RESP_ERR__PARTITION_EOF || (isRecord && message.offset() >= to)) {
                consumer().readNothing();
                return true;
            }
            if (message.error() == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
                return false;
            if (!isRecord || message.offset() < from)
                continue;
            take(message);
            if (message.offset() == to - 1) {
                consumer().readNothing();
                return true;
            }
        }
        if (batch.empty())
            worker_.wait(std::chrono::milliseconds(100), {consumer().wakeupDescriptor()});
        else
            until = std::chrono::steady_clock::now() + patience;
    }
    noAnswer();
}

bool RangeReader::exists(const std::string& topic) {
    const auto partitions = consumer().partitionCount(topic, askTimeout);
    if (!partitions)
        noAnswer();
    return *partitions > 0;
}

kafka::Watermarks RangeReader::watermarks(const std::string& topic, int32_t partition) {
    const auto marks = consumer().askWatermarks(topic, partition, askTimeout);
    if (!marks)
        noAnswer();
    return *marks;
}

std::optional<int64_t> RangeReader::offsetAt(const std::string& topic, int32_t partition, int64_t milliseconds) {
    const auto offset = consumer().askOffsetAt(topic, partition, milliseconds, askTimeout);
    if (!offset)
        noAnswer();
    return *offset < 0 ? std::nullopt : offset;
}

} // namespace standin::cdc
