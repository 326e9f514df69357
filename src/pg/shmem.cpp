#include "pg/postgres.h"
#include "pg/shmem.h"

namespace standin::pg {

namespace {

SharedSegment* segments = nullptr;
shmem_request_hook_type previousRequest = nullptr;
shmem_startup_hook_type previousStartup = nullptr;

void requestAll() {
    if (previousRequest)
        previousRequest();
    for (SharedSegment* segment = segments; segment; segment = segment->next)
        RequestAddinShmemSpace(MAXALIGN(segment->size));
}

void attachAll() {
    if (previousStartup)
        previousStartup();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    for (SharedSegment* segment = segments; segment; segment = segment->next) {
        bool found = false;
        segment->memory = ShmemInitStruct(segment->name, segment->size, &found);
        if (!found)
            segment->initialise(segment->memory);
    }
    LWLockRelease(AddinShmemInitLock);
}

} // namespace

void requestShared(SharedSegment& segment) {
    if (!segments) {
        previousRequest = shmem_request_hook;
        shmem_request_hook = requestAll;
        previousStartup = shmem_startup_hook;
        shmem_startup_hook = attachAll;
    }
    segment.next = segments;
    segments = &segment;
}

} // namespace standin::pg
