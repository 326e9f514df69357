#include "standin/connector/memory_allowance.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

namespace standin::core {

namespace {

/// What RLIMIT_DATA counts, and a little more; 0 if the system does not say.
size_t dataSize() {
    static const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); // opened once a process
    char text[128];
    const ssize_t length = pread(file, text, sizeof(text) - 1, 0);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    unsigned long pages = 0;
    if (sscanf(text, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        return 0;
    return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

} // namespace

MemoryAllowance::MemoryAllowance(size_t& left) : left_(left), before_(dataSize()) {
    if (before_ == 0 || getrlimit(RLIMIT_DATA, &limit_) != 0) {
        before_ = 0;
        return;
    }
    rlimit tight = limit_;
    tight.rlim_cur = std::min<rlim_t>(limit_.rlim_cur, before_ + left_);
    if (setrlimit(RLIMIT_DATA, &tight) != 0)
        before_ = 0;
}

MemoryAllowance::~MemoryAllowance() {
    if (before_ == 0)
        return;
    setrlimit(RLIMIT_DATA, &limit_);
    const size_t now = dataSize();
    left_ -= std::min(left_, now > before_ ? now - before_ : 0);
}

} // namespace standin::core
