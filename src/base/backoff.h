#pragma once

#include <algorithm>
#include <chrono>

namespace standin {

/// How long to wait after the nth failure in a row: initial, twice that, ... up to a maximum.
inline std::chrono::milliseconds exponentialBackoff(int failures, std::chrono::milliseconds initial,
                                                    std::chrono::milliseconds maximum) {
    if (failures <= 0)
        return std::chrono::milliseconds(0);
    const int doublings = std::min(failures - 1, 30);
    return initial > maximum / (int64_t{1} << doublings) ? maximum : initial * (int64_t{1} << doublings);
}

} // namespace standin
