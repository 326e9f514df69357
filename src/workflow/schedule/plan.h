#pragma once

#include <functional>
#include <string_view>

#include "workflow/schedule/ticks.h"

namespace standin::workflow {

/// Microseconds since 1970-01-01 UTC.
using Moment = int64_t;
constexpr Moment perSecond = 1'000'000;

enum class Overlap : uint8_t { allow, skip, bufferOne };
enum class Backfill : uint8_t { none, last, all };

/// What a schedule's owner has chosen of how its ticks start workflows.
struct Policy {
    Overlap overlap = Overlap::allow;
    Backfill backfill = Backfill::none;
    Moment backfillWindow = 0;
    std::optional<Second> endsAt;
    std::function<std::optional<Second>(Second)> next; ///< the first tick after
    std::function<Moment(Second)> delay;               ///< a tick's jitter
};

/// Where a schedule stands: every tick up to `decided` was started, missed or skipped, or is the one that waits.
struct Standing {
    Second decided;
    std::optional<Second> buffered; ///< waits for the end of the last workflow
};

struct Turn {
    std::optional<Second> start; ///< to be started now, in the transaction that stores the rest
    Standing standing;
    int64_t missed = 0;
    int64_t skipped = 0;
    std::optional<Second> next;  ///< the first tick that is not decided
    std::optional<Moment> dueAt; ///< when there is something to decide again; nothing: never
};

/// What is to be done about a schedule now: starts one workflow at most, and decides so many ticks at most that a long
/// time away is gone through in several turns.
Turn takeTurn(const Policy& policy, Standing standing, Moment now, bool lastIsOpen);

/// A part of the jitter, the same for the same tick on every server.
Moment jitterOf(std::string_view schedule, Second tick, Moment jitter);

} // namespace standin::workflow
