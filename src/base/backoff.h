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

/// When to try again: at once, or a while after the last failure, the longer the more of them came in a row.
class RetryClock {
public:
    RetryClock(std::chrono::milliseconds initial, std::chrono::milliseconds maximum)
        : initial_(initial), maximum_(maximum) {}

    void succeed() {
        failures_ = 0;
        next_ = {};
    }
    void fail() { next_ = Clock::now() + exponentialBackoff(++failures_, initial_, maximum_); }

    bool isDue() const { return Clock::now() >= next_; }
    /// Until it is due; zero if it is.
    std::chrono::milliseconds left() const {
        return std::max(std::chrono::ceil<std::chrono::milliseconds>(next_ - Clock::now()),
                        std::chrono::milliseconds(0));
    }

private:
    using Clock = std::chrono::steady_clock;

    const std::chrono::milliseconds initial_;
    const std::chrono::milliseconds maximum_;
    int failures_ = 0;
    Clock::time_point next_{};
};

} // namespace standin
