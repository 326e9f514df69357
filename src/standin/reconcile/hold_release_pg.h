#pragma once

#include <string>

#include "base/paced.h"

namespace standin::core {

/// Holds of posted transactions, where hold_release is 'watermark': they go when the watermark of the account's balance
/// has surely passed the posting.
class HoldRelease {
public:
    /// Releases what can be released now, a bounded number of accounts, without waiting for a session. In the present
    /// transaction, inside pg::OwnerScope with SPI connected.
    void sweep(const std::string& core);

private:
    std::string after_; ///< accounts up to here had their turn
    Paced pace_{20};
};

} // namespace standin::core
