#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::workflow {

/// An error that is nobody's fault and may be gone the next time: connection, rollback, resources, a lock that was not
/// to be had, a cancel or shutdown by an operator.
bool isTransient(std::string_view sqlstate);

struct RetryPolicy {
    int retries = 0;
    std::vector<std::string> retryOn; ///< SQLSTATEs, or their first two characters; empty: any
    std::chrono::milliseconds backoff{1000};
    std::chrono::milliseconds maximumBackoff{300000};
};

inline constexpr int transientRetries = 20;

/// How long after the `failures`-th failure a step is tried again, or nothing if it is not. `timedOut`: the step's own
/// timeout ended it, which is its own fault.
std::optional<std::chrono::milliseconds> nextAttempt(const RetryPolicy& policy, std::string_view sqlstate,
                                                     bool timedOut, int failures);

/// Whether a text can stand in RetryPolicy::retryOn.
bool isErrorClass(std::string_view text);

} // namespace standin::workflow
