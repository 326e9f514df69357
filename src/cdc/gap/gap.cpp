#include "cdc/gap/gap.h"

#include <algorithm>

namespace standin::cdc {

namespace {

constexpr size_t maxRecent = 20000;
constexpr size_t maxUndisturbed = 200;
constexpr size_t maxListed = 100;
constexpr int64_t pause = 300;      ///< milliseconds without a boundary; no connector restarts faster
constexpr int64_t allowance = 5000; ///< milliseconds by which the times of topics may be apart
constexpr int64_t lookBack = 60000; ///< milliseconds before BEGIN in which undisturbed transactions are looked for

/// Those of 1 to `total` that are not among them.
std::vector<int64_t> missing(const std::set<int64_t>& orders, int64_t total) {
    std::vector<int64_t> missing;
    for (int64_t order = 1; order <= total && missing.size() < maxListed; ++order)
        if (!orders.contains(order))
            missing.push_back(order);
    return missing;
}

} // namespace

SourceTransaction& TransactionWatch::enter(const Boundary& boundary) {
    const auto [place, isNew] = recent_.try_emplace(boundary.id);
    if (!isNew)
        return place->second;
    place->second.id = boundary.id;
    place->second.offset = boundary.offset;
    inOrder_.push_back(boundary.id);
    if (inOrder_.size() > maxRecent) {
        recent_.erase(inOrder_.front());
        inOrder_.pop_front();
    }
    return place->second;
}

const SourceTransaction* TransactionWatch::find(const std::string& id) const {
    const auto known = recent_.find(id);
    return known == recent_.end() ? nullptr : &known->second;
}

const SourceTransaction* TransactionWatch::add(const Boundary& boundary) {
    SourceTransaction& transaction = enter(boundary);
    const bool paused = last_ >= 0 && boundary.timestamp - last_ >= pause;
    if (paused)
        pausedSince_ = last_;
    if (paused || (!boundary.end && transaction.began))
        resumedBehind_ = furthestEnd_;
    last_ = std::max(last_, boundary.timestamp);
    if (boundary.end)
        end(transaction, boundary);
    else
        begin(transaction, boundary);
    return boundary.end && transaction.suspect ? &transaction : nullptr;
}

/// What had ended before it began again was sent whole before.
void TransactionWatch::begin(SourceTransaction& transaction, const Boundary& boundary) {
    if (transaction.began) {
        transaction.repeated = true;
        transaction.suspect |= !transaction.ended;
        transaction.begin = std::min(transaction.begin, boundary.lsn);
        return;
    }
    transaction.began = true;
    transaction.begin = boundary.lsn;
    transaction.begunAt = boundary.timestamp;
    transaction.suspect = boundary.lsn != 0 && boundary.lsn < resumedBehind_;
    transaction.eventsFrom =
        std::min(boundary.timestamp, std::max(pausedSince_, boundary.timestamp - lookBack)) - allowance;
}

/// Commits come in the log's order: what ended before the last of them is sent again, be its first time forgotten.
void TransactionWatch::end(SourceTransaction& transaction, const Boundary& boundary) {
    transaction.suspect &= boundary.lsn == 0 || boundary.lsn > furthestEnd_;
    transaction.ended = true;
    transaction.totals = boundary.totals;
    transaction.endOffset = boundary.offset;
    transaction.eventsTo = boundary.timestamp + allowance;
    furthestEnd_ = std::max(furthestEnd_, boundary.lsn);
}

std::vector<const SourceTransaction*> TransactionWatch::undisturbed(int64_t from, int64_t to) const {
    std::vector<const SourceTransaction*> found;
    for (auto id = inOrder_.rbegin(); id != inOrder_.rend() && found.size() < maxUndisturbed; ++id) {
        const SourceTransaction& transaction = recent_.at(*id);
        if (transaction.began && transaction.ended && !transaction.suspect && !transaction.repeated &&
            transaction.begunAt >= from && transaction.eventsTo <= to)
            found.push_back(&transaction);
    }
    return found;
}

GapSearch::GapSearch(const std::vector<const SourceTransaction*>& suspects,
                     const std::vector<const SourceTransaction*>& undisturbed, std::set<std::string> collections)
    : undisturbed_(undisturbed), collections_(std::move(collections)) {
    for (const auto* list : {&suspects, &undisturbed})
        for (const SourceTransaction* transaction : *list)
            events_.try_emplace(transaction->id);
}

void GapSearch::add(const TransactionMark& mark, const std::string& collection) {
    const auto known = events_.find(mark.id);
    if (known == events_.end())
        return;
    Events& events = known->second;
    if (mark.lsn != 0 && (events.first == 0 || mark.lsn < events.first))
        events.first = mark.lsn;
    if (collection.empty())
        return;
    events.orders.insert(mark.totalOrder);
    events.collectionOrders[collection].insert(mark.collectionOrder);
}

/// Its first event, and the places of all, are known only if all its tables are read.
Gap GapSearch::compare(const SourceTransaction& transaction) const {
    Gap gap;
    const Events& events = events_.at(transaction.id);
    int64_t total = 0;
    for (const auto& [collection, count] : transaction.totals)
        total += count;
    gap.whole = total == 0 && events.first == 0 && transaction.begin != 0;
    if (events.orders.empty())
        return gap;
    bool allRead = true;
    for (const auto& [collection, count] : transaction.totals) {
        if (!collections_.contains(collection)) {
            allRead &= count == 0;
            continue;
        }
        const auto found = events.collectionOrders.find(collection);
        auto lost = missing(found == events.collectionOrders.end() ? std::set<int64_t>{} : found->second, count);
        if (!lost.empty())
            gap.collectionOrders[collection] = std::move(lost);
    }
    if (!allRead)
        return gap;
    gap.orders = missing(events.orders, total);
    if (transaction.begin != 0 && events.first > transaction.begin)
        gap.first = events.first;
    return gap;
}

Gap GapSearch::find(const SourceTransaction& suspect) const {
    Gap gap = compare(suspect);
    for (const SourceTransaction* transaction : undisturbed_) {
        const Gap usual = compare(*transaction);
        gap.whole &= !usual.whole;
        if (usual.first != 0)
            gap.first = 0;
        if (!usual.orders.empty())
            gap.orders.clear();
        for (const auto& [collection, orders] : usual.collectionOrders)
            gap.collectionOrders.erase(collection);
    }
    return gap;
}

} // namespace standin::cdc
