#include "cdc/stream/batch.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/assert.h"

namespace standin::cdc {

void Batch::clear() {
    messages.clear();
    origins.clear();
    left.clear();
}

bool Batch::anythingToApply() const {
    return std::any_of(origins.begin(), origins.end(), [](const PartitionState* origin) { return origin; });
}

void Batch::leave(size_t index) {
    PartitionState* const origin = origins[index];
    left.resize(origins.size());
    for (size_t i = index; i < origins.size(); ++i)
        if (origins[i] == origin)
            std::swap(origins[i], left[i]);
}

void Batch::takeBack() {
    for (size_t i = 0; i < left.size(); ++i)
        if (left[i])
            origins[i] = left[i];
    left.clear();
}

void Batch::keepLeft() {
    std::vector<size_t> kept;
    for (size_t i = 0; i < left.size(); ++i)
        if (left[i])
            kept.push_back(i);
    messages.keep(kept);
    std::erase(left, nullptr);
    origins = std::exchange(left, {});
    STANDIN_ASSERT(messages.size() == origins.size());
}

bool Batch::putOff(size_t index) {
    std::vector<size_t> order(messages.size());
    std::iota(order.begin(), order.end(), 0);
    const auto first = order.begin() + static_cast<ptrdiff_t>(index);
    const auto behind =
        std::stable_partition(first, order.end(), [&](size_t i) { return origins[i] != origins[index]; });
    if (behind == first)
        return false;
    STANDIN_ASSERT(left.empty() || left.size() == origins.size());
    messages.reorder(order);
    for (auto* states : {&origins, &left}) {
        std::vector<PartitionState*> reordered;
        for (size_t i = 0; i < states->size(); ++i)
            reordered.push_back((*states)[order[i]]);
        *states = std::move(reordered);
    }
    return true;
}

} // namespace standin::cdc
