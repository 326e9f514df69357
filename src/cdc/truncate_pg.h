#pragma once

#include "cdc/target_pg.h"

namespace standin::cdc {

/// Empties a target as its role: by TRUNCATE, or by DELETE where the role may not or a foreign key forbids it.
void truncateTarget(const TargetTable& table);

} // namespace standin::cdc
