#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "kafka/options.h"
#include "kafka/wakeup.h"

namespace standin::kafka {

/// The handle is of no use any more, for good: another producer has its transactional.id, or a transaction has passed
/// its timeout, which looks the same. Only what was committed tells which; a new process has to look.
class ProducerDead : public Error {
public:
    using Error::Error;
};

/// Why a record was not delivered, or the whole transaction cannot be committed.
struct DeliveryFailure {
    int64_t number; ///< -1: no single record's
    rd_kafka_resp_err_t code;
    std::string text;
};

using RecordHeaders = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct OutgoingRecord {
    std::string_view topic;
    std::optional<std::string_view> key;
    std::optional<std::string_view> value; ///< none: a tombstone
    const RecordHeaders* headers = nullptr;
    std::optional<int32_t> partition{}; ///< none: by the key, as the Java client does
    int64_t number = 0;                 ///< comes back if it is not delivered
};

struct ProducerLimits {
    int64_t messageBytes; ///< of the largest record
    int64_t batchBytes;   ///< of a batch, which a broker takes or refuses as one
};

/// Sends records in Kafka transactions. No call waits for the network longer than it is told to; all throw ProducerDead
/// once the handle is dead.
class TransactionalProducer {
public:
    enum class Progress { Done, Again, Failed }; ///< Failed: the transaction can only be aborted

    TransactionalProducer(const Properties& properties, const std::string& transactionalId, ProducerLimits limits);
    TransactionalProducer(const TransactionalProducer&) = delete;
    TransactionalProducer& operator=(const TransactionalProducer&) = delete;
    /// librdkafka's threads stay until the process ends: to join them may take as long as its timeouts.
    ~TransactionalProducer() = default;

    /// Fences whoever has this transactional.id, and ends its transaction. Until it is Done.
    Progress init();
    void begin();

    enum class Offer { Taken, Full, Refused }; ///< Full: poll, and offer it again. Refused: see failures()
    Offer offer(const OutgoingRecord& record);

    /// Serves delivery reports; how many records are still under way.
    size_t poll();
    /// Becomes readable when poll() has something to do.
    int wakeupDescriptor() const { return wakeup_.readEnd(); }
    /// Of the transaction under way: the first ones.
    const std::vector<DeliveryFailure>& failures() const { return failures_; }

    /// Once nothing is under way and nothing failed. Until it is Done; Again says nothing about what the broker did.
    Progress commit();
    Progress abort();

    /// What went wrong last, in librdkafka's words.
    const std::string& lastError() const { return lastError_; }
    rd_kafka_t* client() const { return client_; }

private:
    Progress progress(rd_kafka_error_t* error, const char* what);
    void requireAlive();
    static void onReport(rd_kafka_t*, const rd_kafka_message_t* message, void* self) noexcept;
    static void onError(rd_kafka_t*, int error, const char* reason, void* self) noexcept;
    static void onLog(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept;
    void noticeAbortable();

    Wakeup wakeup_;
    rd_kafka_t* client_ = nullptr;
    std::vector<DeliveryFailure> failures_;
    std::string lastError_;
};

} // namespace standin::kafka
