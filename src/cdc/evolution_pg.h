#pragma once

#include <string>
#include <vector>

#include "cdc/target_pg.h"

namespace standin::cdc {

/// What a table must get before the last event decoded for it can be stored, as statements. Costs nothing for events in
/// a form seen before. Throws Error (55000, 0A000, 42602, 42622: none of them the record's fault, the source waits) if
/// the table's policy is to fail or the form does not say what to add.
std::vector<std::string> changesFor(TargetTable& table);

/// Executes them as the table's owner. Waits only shortly for other sessions' locks, and readers behind its own no
/// longer: then it fails (55P03), and the batch is tried again after a pause.
/// Leaves the table prepared for its new shape.
void evolve(const std::string& source, TargetTable& table, const std::vector<std::string>& changes);

} // namespace standin::cdc
