#include "kernel/confirmation.h"

namespace standin::kernel {

namespace {
Confirmer current;
}

void setConfirmer(Confirmer confirmer) { current = confirmer; }

std::optional<ConfirmationTarget> confirmationFor(uint32_t targetTable) {
    return current.find ? current.find(targetTable) : std::nullopt;
}

void confirm(int64_t id, const std::vector<Arrival>& arrivals) {
    if (current.confirm && !arrivals.empty())
        current.confirm(id, arrivals);
}

} // namespace standin::kernel
