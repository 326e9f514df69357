#pragma once

#include <set>
#include <string>
#include <vector>

#include "cdc/target/target_pg.h"

namespace standin::cdc {

/// Empties a target as its role: by TRUNCATE, or by DELETE where the role may not or a foreign key forbids it.
void truncateTarget(const TargetTable& table);

/// The same, but for the rows with these keys, given as texts.
void truncateTarget(TargetTable& table, const std::set<std::vector<std::string>>& kept);

/// Throws Error if other topics have rows in the target, too: they would go with those of the topic that was truncated.
void requireOneTopic(const std::string& source, const TargetTable& table);

} // namespace standin::cdc
