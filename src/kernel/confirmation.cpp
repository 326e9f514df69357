#include "kernel/confirmation.h"

namespace standin::kernel {

namespace {
Confirmer current;
}

void setConfirmer(Confirmer confirmer) { current = confirmer; }

std::optional<ConfirmationTarget> confirmationFor(uint32_t targetTable) {
    return current.find ? current.find(targetTable) : std::nullopt;
}

void confirm(int64_t id, const std::vector<std::string>& keys) {
    if (current.confirm && !keys.empty())
        current.confirm(id, keys);
}

} // namespace standin::kernel
