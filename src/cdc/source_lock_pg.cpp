#include "cdc/source_lock_pg.h"

#include "base/hash.h"
#include "pg/guard.h"

extern "C" {
#include <miscadmin.h>
#include <storage/lock.h>
}

namespace standin::cdc {

void lockSource(const std::string& source, SourceLock which, LOCKMODE mode) {
    const uint64_t hash = hashBytes(0, source);
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(hash >> 32), static_cast<uint32>(hash),
                         static_cast<uint16>(which));
    tag.locktag_lockmethodid = DEFAULT_LOCKMETHOD;
    pg::call([&tag, mode] { LockAcquire(&tag, mode, false, false); });
}

} // namespace standin::cdc
