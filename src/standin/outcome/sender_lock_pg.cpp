#include "standin/outcome/sender_lock_pg.h"

#include "pg/guard.h"
#include "pg/lock.h"

namespace standin::core {

namespace {

LOCKTAG senderTag(int64_t ticket) { return pg::ownLockTag(pg::OwnLock::Sender, static_cast<uint64>(ticket)); }

} // namespace

SenderLock::SenderLock(int64_t ticket) : ticket_(ticket) {
    const LOCKTAG tag = senderTag(ticket);
    pg::call([&] { LockAcquire(&tag, ExclusiveLock, true, false); });
}

SenderLock::~SenderLock() {
    if (ticket_ == 0)
        return;
    const LOCKTAG tag = senderTag(ticket_);
    if (pg::lockHeldByMe(&tag, ExclusiveLock)) // an abort has let go of it already
        LockRelease(&tag, ExclusiveLock, true);
}

bool SenderLock::nobodySends(int64_t ticket) {
    const LOCKTAG tag = senderTag(ticket);
    return pg::call([&] { return LockAcquire(&tag, ExclusiveLock, false, true); }) == LOCKACQUIRE_OK;
}

} // namespace standin::core
