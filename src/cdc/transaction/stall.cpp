#include <algorithm>

#include "cdc/transaction/assembler.h"

// What holds a stream of transactions up, and what goes on all the same if that is wished.
namespace standin::cdc {

namespace {

constexpr auto worthATell = std::chrono::seconds(1); ///< shorter waits are the ordinary course of things

} // namespace

bool TransactionAssembler::isStalled(const Extent& extent, Clock::time_point now) const {
    if (now - current_->changed() < limits_.stallTimeout)
        return false;
    if (!current_->ended())
        return anotherFollows();
    if (extent.stranger)
        return true;
    for (size_t collection = 0; collection < collections_.size(); ++collection)
        if (lacks(extent, collection) &&
            std::none_of(partitions_.begin(), partitions_.end(),
                         [&](const auto& partition) { return partition.collection == collection; }))
            return false; // its topic is yet to be found
    for (size_t index = 0; index < partitions_.size(); ++index)
        if (lacks(extent, partitions_[index].collection) && !isPast(index, extent) && hasRoom(index))
            return false;
    return barrierReached(extent);
}

bool TransactionAssembler::anotherFollows() const {
    return !boundaries_.empty() && boundaries_.front().id != current_->id();
}

/// A head that no BEGIN can be expected for any more.
std::optional<uint32_t> TransactionAssembler::stranded(Clock::time_point now) const {
    for (uint32_t index = 0; index < partitions_.size(); ++index) {
        const Partition& partition = partitions_[index];
        if (partition.held.empty() || now - partition.arrivals.front() < limits_.stallTimeout)
            continue;
        const Held& head = partition.held.front();
        const bool nameless = head.mark.id.empty() && head.mark.change;
        if (nameless || (!current_ && boundaries_.empty() && topicAtEnd_ && !isOpen(head)))
            return index;
    }
    return std::nullopt;
}

void TransactionAssembler::takeStranded(Release& release, Clock::time_point now) {
    while (const auto index = stranded(now)) {
        const Held& head = partitions_[*index].held.front();
        if (head.mark.id.empty()) {
            take(*index, release);
        } else {
            remember(head.mark.id);
            takeOpen(release);
        }
        if (isOver(release))
            break;
    }
    release.incomplete = static_cast<int64_t>(release.partitions.size());
}

TransactionAssembler::Standing TransactionAssembler::standing(Clock::time_point now) const {
    if (const auto index = stranded(now)) {
        const Partition& partition = partitions_[*index];
        const std::string where =
            "the event at offset " + std::to_string(partition.held.front().offset) + " of " + partition.name;
        const std::string& id = partition.held.front().mark.id;
        if (id.empty())
            return {true,
                    where + " names no transaction: is provide.transaction.metadata set, and the form an envelope?"};
        return {true, where + " is of transaction " + id +
                          ", which the transaction topic does not begin: was the topic shortened? on_stall => 'apply' "
                          "lets it through"};
    }
    if (!current_ || now - current_->changed() < worthATell)
        return {};
    const Extent extent = measure();
    return {isStalled(extent, now), explain(extent)};
}

bool TransactionAssembler::holdsBack() const {
    return current_ || std::any_of(partitions_.begin(), partitions_.end(),
                                   [](const Partition& partition) { return !partition.held.empty(); });
}

std::string TransactionAssembler::explain(const Extent& extent) const {
    const std::string transaction = "transaction " + current_->id();
    if (!current_->ended())
        return transaction + (anotherFollows() ? " has no END, and transaction " + boundaries_.front().id + " follows"
                                               : " waits for its END");
    if (extent.stranger)
        return "the END of " + transaction + " does not name the table of " + partitions_[*extent.stranger].name +
               ": is data_collection what the connector calls it?";
    std::string missing;
    for (size_t collection = 0; collection < collections_.size(); ++collection)
        if (lacks(extent, collection))
            missing += (missing.empty() ? "" : ", ") +
                       std::to_string(current_->total(collection) - extent.counted[collection]) + " of " +
                       std::to_string(current_->total(collection)) + " events of " + collections_.name(collection);
    if (missing.empty())
        return transaction + " waits for what was written before the connector restarted";
    return transaction + " lacks " + missing;
}

} // namespace standin::cdc
