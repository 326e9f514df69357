#pragma once

#include <string>

#include "cdc/evolution/table_changes.h"

namespace standin::cdc {

/// The SQL type of a column that takes every value that the connector sends of the source's column, and of the
/// precision that tells what is sent without a schema. Throws Error (0A000) for a type that is not known. Built from
/// known names and numbers only: nothing of the description's text gets into a statement.
std::string columnTypeOf(const std::string& connector, const SourceColumn& column);

} // namespace standin::cdc
