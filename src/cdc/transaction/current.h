#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cdc/transaction/record.h"

namespace standin::cdc {

/// What END records call the tables of topics, by number.
class Collections {
public:
    uint32_t add(const std::string& name);
    /// Nothing if no topic has it.
    std::optional<uint32_t> find(const std::string& name) const;
    const std::string& name(size_t collection) const { return names_[collection]; }
    size_t size() const { return names_.size(); }

private:
    std::vector<std::string> names_;
    std::unordered_map<std::string, uint32_t> byName_;
};

/// A record of a data partition, as far as its order matters.
struct Held {
    int64_t offset = 0;
    int64_t timestamp = -1; ///< Kafka's, in milliseconds since 1970
    size_t bytes = 0;
    TransactionMark mark;
};

/// The transaction whose turn it is: what its boundaries say of it, and how much of it was taken already.
class CurrentTransaction {
public:
    using Clock = std::chrono::steady_clock;

    CurrentTransaction(const Boundary& first, const Collections& collections, Clock::time_point now);
    /// Another boundary of it. Begun again, it has not ended, and events from before count no more.
    void follow(const Boundary& boundary, Clock::time_point now);

    const std::string& id() const { return id_; }
    int64_t offset() const { return offset_; } ///< of its first boundary
    bool ended() const { return ended_; }
    bool restarted() const { return restarted_; } ///< began more than once
    /// A boundary that is not its turn yet. A connector may go back once more, to before a transaction that it had
    /// ended: what then comes of it again is not what this END counted.
    void lookAhead(const Boundary& later);

    /// Whether END's totals count the record: it is the transaction's, from between the last BEGIN and the next, and no
    /// repetition.
    /// `lastOrder`: the place of the last one of its partition that did.
    bool counts(const Held& record, int64_t& lastOrder) const;
    /// The source's order within a transaction, whichever run of a connector brings the record: PostgreSQL's numbers
    /// its events anew from wherever it goes on, others go on counting. Where it goes on between the two events of one
    /// changed key, which share their place in the log, the row leaves its old key first all the same.
    using Place = std::tuple<int64_t, bool, int64_t>;
    static Place place(const Held& record) {
        return {record.mark.lsn, record.mark.lsn != 0 && !record.mark.removes, record.mark.totalOrder};
    }
    /// The same in each run.
    static int64_t identity(const Held& record) { return record.mark.lsn ? record.mark.lsn : record.mark.totalOrder; }
    /// One that counts was taken.
    void take(uint32_t collection, const Held& record) {
        ++taken_[collection];
        takenUpTo_[collection] = std::max(takenUpTo_[collection], record.mark.collectionOrder);
    }
    const std::vector<int64_t>& taken() const { return taken_; } ///< by collection
    /// The furthest place among its collection's events that was taken.
    int64_t takenUpTo(size_t collection) const { return takenUpTo_[collection]; }
    void takePart() { partlyTaken_ = true; }
    bool partlyTaken() const { return partlyTaken_; }

    /// How many events of a collection END tells, and whether it names the collection at all.
    int64_t total(size_t collection) const { return totals_[collection]; }
    bool names(size_t collection) const { return totals_[collection] >= 0; }
    bool lacks(size_t collection, int64_t counted) const { return totals_[collection] > counted; }

    /// After a restart: where did the partitions end when it began again?
    bool needsBarrier() const { return restarted_ && barrier_.empty(); }
    void setBarrier(std::vector<int64_t> ends) { barrier_ = std::move(ends); }
    const std::vector<int64_t>& barrier() const { return barrier_; } ///< by partition

    /// When something of it came last.
    Clock::time_point changed() const { return changed_; }
    void noteChange(Clock::time_point now) { changed_ = now; }

private:
    void end(const Boundary& boundary);

    const Collections& collections_;
    const std::string id_;
    const int64_t offset_;
    bool began_;
    bool restarted_ = false;
    bool ended_ = false;
    bool partlyTaken_ = false;
    int64_t since_ = -1;           ///< when Kafka got the last BEGIN
    std::optional<int64_t> until_; ///< after END: when Kafka got yet another BEGIN
    std::vector<int64_t> totals_;  ///< by collection; -1: END does not name it
    std::vector<int64_t> taken_;
    std::vector<int64_t> takenUpTo_;
    std::vector<int64_t> barrier_;
    Clock::time_point changed_;
};

} // namespace standin::cdc
