#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kafka/transactional_producer.h"
#include "kernel/commit_order.h"
#include "outbox/mark.h"

namespace standin::outbox {

// What waits. Each needs a transaction, inside owner scope with SPI connected.

/// A database transaction that published.
struct Commit {
    kernel::CommitPlace place;
    int64_t batch;
    int64_t messages;
    int64_t bytes;
};

/// Whole database transactions, in the order of their commits.
struct Chunk {
    std::vector<Commit> commits;
    int64_t messages = 0;
    bool more = false;

    bool empty() const { return commits.empty(); }
    const kernel::CommitPlace& last() const { return commits.back().place; }
};

/// What comes after `from` and not after `to`: so many events, or one transaction that has more.
Chunk chunkAfter(const std::string& relay, const kernel::CommitPlace& from, const kernel::CommitPlace& to,
                 int64_t records, size_t commits);

struct Event {
    size_t commit; ///< of the chunk
    int64_t n;
    std::string id;
    std::string topic;
    std::optional<std::string> key;
    std::optional<std::string> payload;
    kafka::RecordHeaders headers;
    std::optional<int32_t> partition;
};

/// Reads a chunk's events in their order, a few megabytes at a time, each in a transaction of the caller's.
class ChunkReader {
public:
    explicit ChunkReader(const Chunk& chunk) : chunk_(chunk) {}

    /// The next ones; none at the end. Throws Error XX001 if they are not as many as were published.
    std::vector<Event> next();

private:
    void readWhole(size_t end, std::vector<Event>& events);
    void readPart(std::vector<Event>& events);

    const Chunk& chunk_;
    size_t commit_ = 0;
    int64_t taken_ = 0; ///< of that commit
    int64_t lastN_ = -1;
};

/// What the mark has passed: a chunk that was sent, or all up to a place.
void forget(const std::string& relay, const Chunk& chunk);
void forgetUpTo(const std::string& relay, const kernel::CommitPlace& place);

/// An administrator's word.
struct Adoption {
    int64_t number;
    std::string relay;
    std::string choice;
    std::string reason;
    std::string by;
};

/// Takes what is not above the mark, and no later than it, for sent: it goes to the log of what was discarded. False,
/// and nothing done, if the mark's time is none.
bool takeForSent(const Adoption& adoption, const Mark& mark);

} // namespace standin::outbox
