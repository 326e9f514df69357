#pragma once

#include <optional>
#include <string>

namespace standin::kernel {

/// Why this server must not speak to the outside (a restored or cloned database would replay payments to the real
/// core), or nothing if it may. Needs a transaction and an open pg::Spi; runs inside pg::OwnerScope.
std::optional<std::string> instanceRefusal();

/// Throws standin::Error (55000) with the reason if this server must not speak to the outside. Call it before anything
/// leaves the server, in workers and in client sessions alike.
void requireInstance();

void initInstance();

} // namespace standin::kernel
