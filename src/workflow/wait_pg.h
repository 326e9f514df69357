#pragma once

#include <algorithm>
#include <chrono>

#include "pg/guard.h"

namespace standin::workflow {

/// The end of a wait, by a clock that nobody sets.
class Deadline {
public:
    explicit Deadline(std::chrono::milliseconds length)
        : length_(length), end_(std::chrono::steady_clock::now() + std::min(length, longest)) {}

    std::chrono::milliseconds length() const { return length_; }
    std::chrono::milliseconds remaining() const {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - std::chrono::steady_clock::now());
        return std::max(left, std::chrono::milliseconds(0));
    }
    bool over() const { return remaining().count() == 0; }

private:
    static constexpr std::chrono::milliseconds longest = std::chrono::hours(24);

    std::chrono::milliseconds length_;
    std::chrono::steady_clock::time_point end_;
};

/// Throws for an interval that is negative or counted in months.
std::chrono::milliseconds milliseconds(const Interval* interval);

/// A procedure that waits must be able to end its transaction.
void requireNonatomic(FunctionCallInfo fcinfo, const char* procedure);
bool isAtomic(FunctionCallInfo fcinfo);

} // namespace standin::workflow
