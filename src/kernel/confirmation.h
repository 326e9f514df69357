#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace standin::kernel {

/// The interface by which an applied change event confirms a pending transaction, in the applying transaction. CDC asks
/// and calls; stand-in answers. Neither knows the other.
struct ConfirmationTarget {
    int64_t id;            ///< the binding, to be handed back
    std::string keyColumn; ///< the column of the target table that carries the idempotency key
    std::optional<std::string> accountColumn;
    std::optional<std::string> amountColumn;
};

/// A row that carries a key, as the core wrote it.
struct Arrival {
    std::string key;
    std::optional<std::string> account; ///< nothing if its column is not bound, or the event does not say it
    std::optional<std::string> amount;
};

struct Confirmer {
    /// What is bound to a target table (its Oid), if anything. Runs inside the product's owner scope.
    std::optional<ConfirmationTarget> (*find)(uint32_t targetTable) = nullptr;
    /// Rows just inserted or updated in the target; runs in the transaction that applied them, inside owner scope.
    void (*confirm)(int64_t id, const std::vector<Arrival>& arrivals) = nullptr;
};

void setConfirmer(Confirmer confirmer);
std::optional<ConfirmationTarget> confirmationFor(uint32_t targetTable);
void confirm(int64_t id, const std::vector<Arrival>& arrivals);

} // namespace standin::kernel
