#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "kafka/consumer.h"
#include "kafka/options.h"

namespace standin::kafka {

/// librdkafka's options of a server of standin_kafka, with the secrets of standin_owner's user mapping (else PUBLIC's).
/// Needs a transaction.
Properties serverProperties(const std::string& server);

/// An option there that is the product's own, such as the secret key of hashes.
std::optional<std::string> serverOption(const std::string& server, std::string_view name);

/// From now on this process ends without destructors of librdkafka, once PostgreSQL has cleaned up: threads that wait
/// for a dead broker or a name server must not delay a stop. Call once, before the first client.
void endWithoutCleanup();

// The consumer layer: offsets, pause and dead letters live in tables and change in the caller's transaction, inside
// owner scope with SPI connected.

struct StoredOffset {
    std::string topic;
    int32_t partition;
    int64_t next;
    std::string clusterId;
    /// An operator's wish that Kafka has to be asked about: milliseconds since 1970, or RD_KAFKA_OFFSET_END.
    std::optional<int64_t> seek;
    std::optional<int64_t> stop; ///< the first record that is not to be read any more
    std::optional<Fingerprint> last;
};

std::vector<StoredOffset> loadOffsets(const std::string& consumer);
void createOffset(const std::string& consumer, const std::string& topic, int32_t partition,
                  const std::string& clusterId);

/// The position moved under the consumer (an operator's seek, a second consumer): abort, load again.
class OffsetConflict : public Error {
public:
    using Error::Error;
};

/// Compare-and-set from `expected` to `next`; throws OffsetConflict if the stored offset is another, or a seek is
/// wanted. `last` is the last record taken before `next`.
void moveOffset(const std::string& consumer, const std::string& topic, int32_t partition, int64_t expected,
                int64_t next, std::optional<int64_t> end, const std::string& clusterId,
                const std::optional<Fingerprint>& last = std::nullopt);

/// Only how far the partition goes.
void storeEnd(const std::string& consumer, const std::string& topic, int32_t partition, int64_t end);

/// Puts a seek into effect: goes on at `next`, if the wish is still the same.
void settleSeek(const std::string& consumer, const std::string& topic, int32_t partition, int64_t seek, int64_t next);

struct Failure {
    std::string sqlstate;
    std::string message;
    std::optional<std::string> column;
    std::string constraint{}; ///< that was violated, if one was
    std::string hint{};
    bool ofValue = false; ///< what a type says of a value: whatever the SQLSTATE, its row alone is at fault
};

/// What a dead letter keeps of a message that it must not keep all of.
struct Redacted {
    std::optional<std::string> key;
    std::optional<std::string> value;
    std::vector<std::pair<std::string, std::string>> headers;
};

void writeDeadLetter(const std::string& consumer, const Message& message, const Failure& failure,
                     const std::optional<Redacted>& redacted = std::nullopt);

} // namespace standin::kafka
