#include "workflow/retry.h"

#include <algorithm>

#include "base/backoff.h"

namespace standin::workflow {

namespace {

constexpr std::string_view transientCodes[] = {"55P03", "57014", "57P01", "57P02", "57P03"};
constexpr std::string_view transientClasses[] = {"08", "40", "53"};
constexpr int immediateRollbackRetries = 2; // a deadlock or a serialization failure is over once it is told

bool covers(const RetryPolicy& policy, std::string_view sqlstate) {
    return policy.retryOn.empty() ||
           std::ranges::any_of(policy.retryOn, [&](const std::string& one) { return sqlstate.starts_with(one); });
}

} // namespace

bool isTransient(std::string_view sqlstate) {
    return std::ranges::find(transientCodes, sqlstate) != std::end(transientCodes) ||
           std::ranges::find(transientClasses, sqlstate.substr(0, 2)) != std::end(transientClasses);
}

std::optional<std::chrono::milliseconds> nextAttempt(const RetryPolicy& policy, std::string_view sqlstate,
                                                     bool timedOut, int failures) {
    const bool transient = isTransient(sqlstate) && !timedOut;
    const int asked = covers(policy, sqlstate) ? policy.retries : 0;
    if (failures > std::max(asked, transient ? transientRetries : 0))
        return std::nullopt;
    if (sqlstate.starts_with("40") && failures <= immediateRollbackRetries)
        return std::chrono::milliseconds(0);
    return exponentialBackoff(failures, policy.backoff, policy.maximumBackoff);
}

bool isErrorClass(std::string_view text) {
    return (text.size() == 2 || text.size() == 5) &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

} // namespace standin::workflow
