#pragma once

#include <string>

namespace standin::core {

/// Whether libpq can connect to `host` without resolving a name: addresses and socket directories, also in a list.
bool isAddress(const std::string& host);

} // namespace standin::core
