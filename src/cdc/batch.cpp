#include "cdc/batch.h"

#include <algorithm>
#include <numeric>

namespace standin::cdc {

void Batch::clear() {
    messages.clear();
    origins.clear();
}

bool Batch::anythingToApply() const {
    return std::any_of(origins.begin(), origins.end(), [](const PartitionState* origin) { return origin; });
}

bool Batch::putOff(size_t index) {
    std::vector<size_t> order(messages.size());
    std::iota(order.begin(), order.end(), 0);
    const auto first = order.begin() + static_cast<ptrdiff_t>(index);
    const auto behind =
        std::stable_partition(first, order.end(), [&](size_t i) { return origins[i] != origins[index]; });
    if (behind == first)
        return false;
    messages.reorder(order);
    std::vector<PartitionState*> reordered;
    for (const size_t i : order)
        reordered.push_back(origins[i]);
    origins = std::move(reordered);
    return true;
}

} // namespace standin::cdc
