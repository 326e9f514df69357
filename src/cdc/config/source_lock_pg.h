#pragma once

#include <string>

#include "pg/lock.h"

namespace standin::cdc {

/// Until the end of the transaction. Sources of equal hash only wait for each other.
void lockSource(const std::string& source, pg::OwnLock which, LOCKMODE mode);

} // namespace standin::cdc
