#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "cdc/target/target_pg.h"

namespace standin::cdc {

/// Neither the event nor the source's schema change topic says, so far, what to make.
class SchemaAwaited : public Error {
public:
    using Error::Error;
};

/// What a table must get before the last event decoded for it can be stored, as statements. Costs nothing for events in
/// a form seen before. Throws Error (55000, 0A000, 42602, 42622: none of them the record's fault, the source waits) if
/// the table's policy is to fail or neither the form nor a schema change says what to add.
std::vector<std::string> changesFor(const std::string& source, TargetTable& table);

/// Executes them as the table's owner. Waits only shortly for other sessions' locks, and readers behind its own no
/// longer: then it fails (55P03), and the batch is tried again after a pause.
/// Leaves the table prepared for its new shape.
void evolve(const std::string& source, TargetTable& table, const std::vector<std::string>& changes);

} // namespace standin::cdc
