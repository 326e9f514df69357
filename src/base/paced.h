#pragma once

#include <algorithm>
#include <chrono>

namespace standin {

/// Keeps a look that may become dear (rows that are gone but that an old transaction keeps from being cleaned up must
/// be passed each time) from taking more than its share of the time.
class Paced {
public:
    using Clock = std::chrono::steady_clock;

    explicit Paced(int share) : share_(share) {}

    bool due(Clock::time_point now) const { return now >= next_; }
    std::chrono::milliseconds timeLeft(Clock::time_point now) const {
        return std::max(std::chrono::ceil<std::chrono::milliseconds>(next_ - now), std::chrono::milliseconds(1));
    }
    /// After a look that took from `begun` to `ended`: the next is due when `share` times as long has passed.
    void looked(Clock::time_point begun, Clock::time_point ended) { next_ = ended + (ended - begun) * share_; }

private:
    int share_;
    Clock::time_point next_{};
};

} // namespace standin
