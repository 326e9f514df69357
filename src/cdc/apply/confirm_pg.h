#pragma once

#include <memory>
#include <vector>

#include "cdc/target/target_pg.h"

namespace standin::cdc {

/// Tells stand-in which keys have arrived in tables that confirm pending transactions, but for `buried` changes.
void confirmArrivals(std::vector<std::unique_ptr<TargetTable>>& tables, const std::vector<Change>& changes,
                     const std::vector<bool>& buried);

} // namespace standin::cdc
