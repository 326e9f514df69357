#include "kernel/processes_pg.h"
#include "pg/guard.h"

namespace standin::kernel {

BackgroundWorker describeProcess(const char* function, const char* type, const char* name) {
    BackgroundWorker process;
    memset(&process, 0, sizeof(process));
    process.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    process.bgw_start_time = BgWorkerStart_RecoveryFinished;
    process.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(process.bgw_library_name, "pg_standin", sizeof(process.bgw_library_name));
    strlcpy(process.bgw_function_name, function, sizeof(process.bgw_function_name));
    strlcpy(process.bgw_type, type, sizeof(process.bgw_type));
    strlcpy(process.bgw_name, name, sizeof(process.bgw_name));
    return process;
}

BackgroundWorkerHandle* startProcess(BackgroundWorker process) {
    process.bgw_notify_pid = MyProcPid;
    return pg::call([&] {
        BackgroundWorkerHandle* handle = nullptr;
        MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);
        const bool registered = RegisterDynamicBackgroundWorker(&process, &handle);
        MemoryContextSwitchTo(previous);
        return registered ? handle : nullptr;
    });
}

} // namespace standin::kernel
