#include "kernel/commit_order.h"

#include "pg/lock.h"
#include "pg/spi.h"

extern "C" {
#include <catalog/namespace.h>
#include <commands/sequence.h>
#include <storage/lmgr.h>
}

namespace standin::kernel {

namespace {

int32_t timeline() { return static_cast<int32_t>(GetWALInsertionTimeLine()); }

LOCKTAG tagOf(uint32_t number) { return pg::ownLockTag(pg::OwnLock::CommitOrder, number, 0); }

} // namespace

// The lock first: whoever reads the sequence afterwards sees the number's holder among the lockers, or its end.
CommitPlace CommitStream::take() const {
    const LOCKTAG tag = tagOf(number_);
    const int64_t seq = pg::call([&] {
        LockAcquire(&tag, ShareLock, false, false);
        return nextval_internal(get_relname_relid(sequence_, get_namespace_oid("standin_private", false)), false);
    });
    return {timeline(), seq};
}

CommitPlace CommitStream::settledUpTo() const {
    const LOCKTAG tag = tagOf(number_);
    const pg::Rows rows = pg::execute(
        std::string("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM standin_private.") + sequence_, true);
    const int64_t last = rows[0].get<int64_t>(0);
    pg::call([&] { WaitForLockers(tag, ExclusiveLock, false); });
    return {timeline(), last};
}

void CommitStream::close() const {
    const LOCKTAG tag = tagOf(number_);
    pg::call([&] { LockAcquire(&tag, ExclusiveLock, false, false); });
}

} // namespace standin::kernel
