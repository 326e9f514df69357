#include "cdc/config/source_lock_pg.h"

#include "base/hash.h"
#include "pg/guard.h"

namespace standin::cdc {

void lockSource(const std::string& source, pg::OwnLock which, LOCKMODE mode) {
    const LOCKTAG tag = pg::ownLockTag(which, hashBytes(0, source));
    pg::call([&tag, mode] { LockAcquire(&tag, mode, false, false); });
}

} // namespace standin::cdc
