#pragma once

namespace standin::core {

/// Registers stand-in's answer to applied change events: see kernel/confirmation.h.
void initConfirmation();

} // namespace standin::core
