#pragma once

#include <string>

namespace standin::core {

/// Registers stand-in's answer to applied change events: see kernel/confirmation.h.
void initConfirmation();

/// Change events that were set aside because a session had their account.
class Confirmations {
public:
    /// Confirms what can be confirmed now, without waiting for anybody; false if some are left.
    bool settle(const std::string& core);

private:
    std::string after_; ///< accounts up to here had their turn
};

} // namespace standin::core
