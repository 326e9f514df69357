#pragma once

#include <string>

namespace standin::core {

/// Whether the account has anything queued, as of now, whatever snapshot the transaction works with. The account's row
/// must be locked.
bool hasBacklog(const std::string& core, const std::string& account);

} // namespace standin::core
