#pragma once

#include "cdc/value/change.h"

namespace standin::cdc {

/// Whether the value may be one that Debezium put where it knows none: zeros, empty texts and the epoch, in columns of
/// the row before that are NOT NULL and not part of the source's replica identity.
bool mayBeFiller(const Cell& cell, ColumnType type);

} // namespace standin::cdc
