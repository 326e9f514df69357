#pragma once

#include <algorithm>
#include <chrono>

namespace standin::core {

/// So many calls a second on average, a tenth of a second's worth at once.
class TokenBucket {
public:
    using Time = std::chrono::steady_clock::time_point;

    int take(int wanted, double rate, Time now) {
        const double most = std::max(1.0, rate / 10);
        if (filledAt_ != Time{})
            tokens_ += rate * std::chrono::duration<double>(now - filledAt_).count();
        else
            tokens_ = most;
        filledAt_ = now;
        tokens_ = std::min(tokens_, most);
        const int taken = std::min(wanted, static_cast<int>(tokens_));
        tokens_ -= taken;
        return taken;
    }
    void giveBack(int unused) { tokens_ += unused; }

private:
    double tokens_ = 0;
    Time filledAt_{};
};

} // namespace standin::core
