#pragma once

#include <string>

#include "pg/postgres.h"

extern "C" {
#include <storage/lockdefs.h>
}

namespace standin::cdc {

// Beyond what SQL's advisory functions can reach, as in key_change_pg.cpp.
enum class SourceLock : uint16_t { Truncate = 0x5d04, Version = 0x5d05 };

/// Until the end of the transaction. Sources of equal hash only wait for each other.
void lockSource(const std::string& source, SourceLock which, LOCKMODE mode);

} // namespace standin::cdc
