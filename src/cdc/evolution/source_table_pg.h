#pragma once

#include <optional>
#include <string>

#include "cdc/evolution/table_changes.h"

namespace standin::cdc {

// What a source's schema change topic says of its tables, in standin_private.cdc_source_table: kept as it comes, asked
// for when a row without a schema needs a table or a column. Both need owner scope and SPI.

/// Takes note of a record of the topic.
void storeTableChanges(const std::string& source, std::string_view record);

/// Nothing if the topic has not said it yet.
std::optional<SourceTable> findSourceTable(const std::string& source, const std::string& collection);

} // namespace standin::cdc
