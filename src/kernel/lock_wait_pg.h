#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace standin::kernel {

/// Which sessions hold locks that writers may have to wait for, in words; empty if none does: on `tables` (with their
/// partitions), and on those of the product's own whose name matches. Inside the product's owner scope with SPI
/// connected.
std::string lockHolders(const std::vector<int64_t>& tables, const std::string& ownTables);

/// The pattern that no table's name matches.
inline constexpr const char* noOwnTables = "^$";

} // namespace standin::kernel
