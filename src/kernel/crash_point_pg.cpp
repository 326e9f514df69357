#include <csignal>
#include <cstring>
#include <unistd.h>

#include "kernel/crash_point.h"
#include "pg/guard.h"
#include "pg/shmem.h"

extern "C" {
#include <storage/spin.h>
}

namespace standin::kernel {

#ifdef STANDIN_ASSERTIONS
namespace {

struct Armed {
    slock_t mutex;
    char name[64];
    int32_t skip;
};

pg::Shared<Armed> armed("pg_standin crash point", [](void* memory) {
    memset(memory, 0, sizeof(Armed));
    SpinLockInit(&static_cast<Armed*>(memory)->mutex);
});

} // namespace

void crashPoint(const char* name) {
    SpinLockAcquire(&armed->mutex);
    bool die = strcmp(armed->name, name) == 0 && armed->skip-- <= 0;
    if (die)
        armed->name[0] = '\0';
    SpinLockRelease(&armed->mutex);
    if (die)
        kill(getpid(), SIGKILL);
}

void initCrashPoints() { armed.request(); }
#else
void initCrashPoints() {}
#endif

} // namespace standin::kernel

using namespace standin;

STANDIN_FUNCTION(standin_crash_point_arm) {
#ifdef STANDIN_ASSERTIONS
    using kernel::armed;
    if (!superuser())
        throw Error("42501", "permission denied to arm a crash point");
    char* name = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    if (strlen(name) >= sizeof(armed->name))
        throw Error("22023", "the name of a crash point has at most 63 bytes");
    const int32_t skip = PG_GETARG_INT32(1);
    SpinLockAcquire(&armed->mutex);
    strcpy(armed->name, name);
    armed->skip = skip;
    SpinLockRelease(&armed->mutex);
    PG_RETURN_VOID();
#else
    throw Error("0A000", "this build has no crash points", {}, "Crash points are compiled into test builds only.");
#endif
}
