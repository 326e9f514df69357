#pragma once

#include "pg/postgres.h"

extern "C" {
#include <miscadmin.h>
#include <storage/lock.h>
}

namespace standin::pg {

/// What the product's own locks are on. SQL's advisory functions use 1 and 2 as the fourth field of a tag; these cannot
/// be reached from SQL.
enum class OwnLock : uint16 { Mode = 0x5d01, Sender, KeyChange, Truncate, Version, CommitOrder };

inline LOCKTAG ownLockTag(OwnLock lock, uint32 high, uint32 low) {
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, high, low, static_cast<uint16>(lock));
    // Under the default method pg_advisory_unlock_all(), which user code may call, cannot let go of it.
    tag.locktag_lockmethodid = DEFAULT_LOCKMETHOD;
    return tag;
}

inline LOCKTAG ownLockTag(OwnLock lock, uint64 identity) {
    return ownLockTag(lock, static_cast<uint32>(identity >> 32), static_cast<uint32>(identity));
}

} // namespace standin::pg
