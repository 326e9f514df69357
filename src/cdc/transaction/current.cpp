#include "cdc/transaction/current.h"

#include "base/error.h"

namespace standin::cdc {

uint32_t Collections::add(const std::string& name) {
    const auto [place, isNew] = byName_.try_emplace(name, static_cast<uint32_t>(names_.size()));
    if (isNew)
        names_.push_back(name);
    return place->second;
}

std::optional<uint32_t> Collections::find(const std::string& name) const {
    const auto known = byName_.find(name);
    return known == byName_.end() ? std::nullopt : std::optional(known->second);
}

CurrentTransaction::CurrentTransaction(const Boundary& first, const Collections& collections, Clock::time_point now)
    : collections_(collections), id_(first.id), offset_(first.offset), began_(!first.end),
      taken_(collections.size(), 0), takenUpTo_(collections.size(), 0), changed_(now) {
    if (first.end)
        end(first);
}

void CurrentTransaction::follow(const Boundary& boundary, Clock::time_point now) {
    changed_ = now;
    if (boundary.end) {
        end(boundary);
        return;
    }
    if (partlyTaken_)
        throw Error("40001", "the connector began transaction " + id_ + " again while a part of it was being applied");
    restarted_ = began_;
    began_ = true;
    ended_ = false;
    until_.reset();
    since_ = boundary.timestamp;
    barrier_.clear();
}

void CurrentTransaction::lookAhead(const Boundary& later) {
    if (ended_ && !later.end && later.id == id_ && !until_)
        until_ = later.timestamp;
}

void CurrentTransaction::end(const Boundary& boundary) {
    ended_ = true;
    totals_.assign(collections_.size(), -1);
    for (const auto& [name, count] : boundary.totals)
        if (const auto known = collections_.find(name))
            totals_[*known] = count;
}

bool CurrentTransaction::counts(const Held& record, int64_t& lastOrder) const {
    if (record.mark.id != id_)
        return false;
    if (restarted_ && record.timestamp >= 0 && record.timestamp < since_)
        return false;
    if (until_ && record.timestamp >= *until_)
        return false;
    if (record.mark.totalOrder > 0 && record.mark.totalOrder <= lastOrder)
        return false;
    lastOrder = record.mark.totalOrder;
    return true;
}

} // namespace standin::cdc
