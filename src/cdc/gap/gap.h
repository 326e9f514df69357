#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cdc/transaction/record.h"

// What a connector lost of a transaction when it restarted. It goes on behind the last commit that it remembers, and
// may drop the head of a transaction that had begun before that, or all of it: what is left is numbered and counted as
// if it were all. So no total lacks anything; only BEGIN stands before the first event that came, or there is none.
namespace standin::cdc {

/// A transaction of the source, as the transaction topic tells of it.
struct SourceTransaction {
    std::string id;
    int64_t begin = 0; ///< the lowest position of its BEGINs in the source's log; 0: not known
    std::vector<std::pair<std::string, int64_t>> totals; ///< of its last END: events by data collection
    int64_t offset = 0;                                  ///< of its first BEGIN
    int64_t endOffset = 0;                               ///< of its last END
    int64_t eventsFrom = 0, eventsTo = 0; ///< Kafka's times, in milliseconds since 1970, that its events came between
    int64_t begunAt = -1;                 ///< Kafka's time of its first BEGIN
    bool began = false;
    bool ended = false;
    bool repeated = false; ///< began more than once
    bool suspect = false;  ///< a restart may have cost it events
};

/// Follows the transaction topic and tells which transactions a restart of the connector may have cost events. A
/// restart shows in a pause, or in what is sent again. It can cost those events that had begun before the last commit
/// sent before it, and those that it had begun to send.
class TransactionWatch {
public:
    /// In the topic's order. The transaction, if this is the end of one that is suspect.
    const SourceTransaction* add(const Boundary& boundary);
    const SourceTransaction* find(const std::string& id) const;
    /// Transactions that no restart can have touched, all of whose events came between these times; the last ones.
    std::vector<const SourceTransaction*> undisturbed(int64_t from, int64_t to) const;

private:
    SourceTransaction& enter(const Boundary& boundary);
    void begin(SourceTransaction& transaction, const Boundary& boundary);
    void end(SourceTransaction& transaction, const Boundary& boundary);

    std::unordered_map<std::string, SourceTransaction> recent_;
    std::deque<std::string> inOrder_; ///< their ids, the oldest first
    int64_t last_ = -1;               ///< Kafka's time of the last boundary
    int64_t furthestEnd_ = 0;         ///< the last commit in the source's log
    int64_t resumedBehind_ = 0;       ///< the same, when the connector may have restarted last
    int64_t pausedSince_ = -1;
};

/// What a transaction lacks.
struct Gap {
    bool whole = false;          ///< it has no event at all
    int64_t first = 0;           ///< position of its first event, if that is not its BEGIN's
    std::vector<int64_t> orders; ///< places in the transaction that no event has; the first ones
    std::map<std::string, std::vector<int64_t>> collectionOrders; ///< the same by data collection

    bool empty() const { return !whole && first == 0 && orders.empty() && collectionOrders.empty(); }
};

/// Compares what the transaction topic says of transactions with the events of them that Kafka has, in whichever run of
/// the connector they came. What transactions that no restart touched lack as well is how this connector writes, and
/// says nothing: it filters tables or events, or BEGIN is where the transaction took its first lock.
class GapSearch {
public:
    /// `collections`: the data collections that are read.
    GapSearch(const std::vector<const SourceTransaction*>& suspects,
              const std::vector<const SourceTransaction*>& undisturbed, std::set<std::string> collections);

    /// An event, and the data collection that it is of; "" if it is of none.
    void add(const TransactionMark& mark, const std::string& collection);
    /// Empty also if END counts events of which none is found: they may not say which transaction they are of.
    Gap find(const SourceTransaction& suspect) const;

private:
    struct Events {
        int64_t first = 0;
        std::set<int64_t> orders;
        std::map<std::string, std::set<int64_t>> collectionOrders;
    };

    Gap compare(const SourceTransaction& transaction) const;

    const std::vector<const SourceTransaction*> undisturbed_;
    const std::set<std::string> collections_;
    std::unordered_map<std::string, Events> events_; ///< by transaction
};

} // namespace standin::cdc
