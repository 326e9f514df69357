#include <fstream>
#include <optional>
#include <string>

#include "pg/guard.h"

extern "C" {
#include <storage/procarray.h>
}

namespace standin::kernel {

namespace {

std::optional<int64_t> privateMemory(int pid) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string word; status >> word;)
        if (int64_t kilobytes; word == "RssAnon:" && status >> kilobytes)
            return kilobytes * 1024;
    return std::nullopt;
}

} // namespace

} // namespace standin::kernel

using namespace standin;

STANDIN_FUNCTION(standin_process_memory) {
    const int pid = PG_GETARG_INT32(0);
    const bool ours = pg::call([pid] { return BackendPidGetProc(pid) != nullptr; });
    const auto bytes = ours ? kernel::privateMemory(pid) : std::nullopt;
    if (!bytes)
        PG_RETURN_NULL();
    PG_RETURN_INT64(*bytes);
}
