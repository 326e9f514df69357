#pragma once

#include "cdc/value/change.h"
#include "pg/guard.h"

namespace standin::cdc {

/// A numeric with the cell's digits, in the current memory context. PostgreSQL code: call inside a guard.
Datum numericDatum(const DecimalCell& cell);

} // namespace standin::cdc
