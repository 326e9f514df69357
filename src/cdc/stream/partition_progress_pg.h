#pragma once

#include <string>

#include "cdc/stream/partition.h"

namespace standin::cdc {

// The marks of a partition and the form of its records, as the last committed batch left them. Need owner scope and
// SPI.

/// Counts what a batch did in one partition.
void recordProgress(const std::string& source, const PartitionState& partition);

/// Once for each partition that a process comes to own.
void loadMarks(const std::string& source, PartitionState& partition);
/// In the applying transaction, after recordProgress.
void storeMarks(const std::string& source, const PartitionState& partition);

} // namespace standin::cdc
