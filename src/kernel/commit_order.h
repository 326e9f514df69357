#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace standin::kernel {

/// A transaction's place in the order of commits. Timeline first: after an asynchronous failover the sequence runs
/// again through numbers that were seen outside.
struct CommitPlace {
    int32_t timeline = 0;
    int64_t seq = 0;

    auto operator<=>(const CommitPlace&) const = default;
};

/// Transactions in the order in which they commit, for readers that must miss none and wait for no long writer: the
/// number is drawn when the transaction is about to commit, under a lock of the stream's own that it shares with its
/// like. (By transaction id, or by a sequence drawn at the write, a reader misses what commits late, or waits for it.)
class CommitStream {
public:
    /// `sequence`: of standin_private. `number`: one no other stream has.
    constexpr CommitStream(const char* sequence, uint32_t number) : sequence_(sequence), number_(number) {}

    /// From a pre-commit hook, inside pg::OwnerScope: this transaction's place. What is written with it commits with
    /// it.
    CommitPlace take() const;

    /// Waits for the few commits that are under way (55P03 if one waits longer than lock_timeout), with SPI connected.
    /// A database snapshot taken afterwards sees every transaction whose place is not above the one returned, and those
    /// of earlier timelines.
    CommitPlace settledUpTo() const;

    /// Until the end of this transaction none takes a place; waits for those that have one.
    void close() const;

private:
    const char* sequence_;
    uint32_t number_;
};

} // namespace standin::kernel
