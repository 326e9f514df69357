#pragma once

#include <cstddef>
#include <sys/resource.h>

namespace standin::core {

/// While it lives, this process may map at most `left` bytes more of memory for data; what it took is subtracted from
/// `left` at the end. libpq reads a message as long as its sender says it is: an answer without end makes libpq fail
/// instead of the server's memory.
class MemoryAllowance {
public:
    explicit MemoryAllowance(size_t& left);
    ~MemoryAllowance();
    MemoryAllowance(const MemoryAllowance&) = delete;
    MemoryAllowance& operator=(const MemoryAllowance&) = delete;

private:
    size_t& left_;
    size_t before_;
    rlimit limit_{};
};

} // namespace standin::core
