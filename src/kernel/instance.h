#pragma once

#include <optional>
#include <string>

namespace standin::kernel {

/// Why no worker may run and nothing may leave here (a restored or cloned database would replay payments to the real
/// core), or nothing if all may. Needs a transaction and an open pg::Spi; runs inside pg::OwnerScope. Ask after what is
/// to be worked on was read: a row that a restore brings is then never seen without the refusal.
std::optional<std::string> instanceRefusal();

/// Throws standin::Error (55000) with the reason if this server must not speak to the outside. Workers, which take up
/// what a restore brings, call it before anything leaves.
void requireInstance();

/// The same for what its own client asks for now, which no restore brings: a session looks at most once a second.
void requireAdopted();

void initInstance();

} // namespace standin::kernel
