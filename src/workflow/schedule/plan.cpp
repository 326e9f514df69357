#include "workflow/schedule/plan.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace standin::workflow {

namespace {

/// A tick that is not started so soon after its time is a missed one.
constexpr Moment punctual = 60 * perSecond;
constexpr Moment bufferedLook = 1 * perSecond; ///< nobody announces the end of a workflow to us
constexpr int decidedAtMost = 100'000;

class Planner {
public:
    Planner(const Policy& policy, Standing standing, Moment now, bool lastIsOpen)
        : policy_(policy), now_(now), lastIsOpen_(lastIsOpen) {
        turn_.standing = standing;
    }

    Turn take() {
        if (turn_.standing.buffered && !lastIsOpen_)
            start(*std::exchange(turn_.standing.buffered, std::nullopt));
        turn_.next = nextAfter(turn_.standing.decided);
        for (int i = 0; i < decidedAtMost && decideNext(); ++i)
            ;
        if (turn_.next)
            turn_.dueAt = dueAt(*turn_.next);
        if (turn_.standing.buffered)
            turn_.dueAt = std::min(turn_.dueAt.value_or(now_ + bufferedLook), now_ + bufferedLook);
        return turn_;
    }

private:
    std::optional<Second> nextAfter(Second after) const {
        const auto tick = policy_.next(after);
        return tick && policy_.endsAt && *tick > *policy_.endsAt ? std::nullopt : tick;
    }

    Moment dueAt(Second tick) const { return tick * perSecond + policy_.delay(tick); }

    void start(Second tick) {
        turn_.start = tick;
        lastIsOpen_ = true;
    }

    bool decideNext() {
        if (!turn_.next || dueAt(*turn_.next) > now_)
            return false;
        const Second tick = *turn_.next;
        const std::optional<Second> following = nextAfter(tick);
        if (isMissed(tick, following))
            ++turn_.missed;
        else if (policy_.overlap != Overlap::allow && lastIsOpen_)
            defer(tick);
        else if (turn_.start)
            return false; // in the next turn
        else
            start(tick);
        turn_.standing.decided = tick;
        turn_.next = following;
        return true;
    }

    bool isLate(Second tick) const { return dueAt(tick) < now_ - punctual; }

    bool isMissed(Second tick, std::optional<Second> following) const {
        if (!isLate(tick))
            return false;
        if (policy_.backfill == Backfill::none || dueAt(tick) < now_ - policy_.backfillWindow)
            return true;
        return policy_.backfill == Backfill::last && following && isLate(*following);
    }

    void defer(Second tick) {
        if (policy_.overlap == Overlap::bufferOne && !turn_.standing.buffered)
            turn_.standing.buffered = tick;
        else
            ++turn_.skipped;
    }

    const Policy& policy_;
    const Moment now_;
    bool lastIsOpen_;
    Turn turn_;
};

} // namespace

Turn takeTurn(const Policy& policy, Standing standing, Moment now, bool lastIsOpen) {
    return Planner(policy, standing, now, lastIsOpen).take();
}

Moment jitterOf(std::string_view schedule, Second tick, Moment jitter) {
    if (jitter <= 0)
        return 0;
    const uint64_t hash = hashMix(hashBytes(0, schedule), static_cast<uint64_t>(tick));
    return static_cast<Moment>(hash % static_cast<uint64_t>(jitter));
}

} // namespace standin::workflow
