#include "standin/outcome/policy.h"

#include <algorithm>
#include <cmath>

namespace standin::core {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds firstDelay{1000};
constexpr milliseconds lastDelay{600000};
// A core may still be working on a call that timed out here; only after this long is its "not found" final.
constexpr milliseconds inquiryGrace{5000};

/// At once after the first attempt: it was lost in a crash, not refused.
milliseconds resendDelay(const Situation& situation) {
    return situation.attempts <= 1 ? milliseconds(0) : retryDelay(situation.attempts - 1, situation.jitter);
}

Next settled(const Answer& answer, const Situation& situation) {
    if (answer.outcome == Outcome::posted)
        return {State::posted};
    const bool person = situation.promised && situation.holdOnReject;
    return {person ? State::repair : State::rejected};
}

Next again(const Answer& answer, const Situation& situation) {
    if (answer.coreFault ||
        answer.busy) // a core that is down or busy spends nobody's attempts: the mode decides when to go on
        return {State::retryWait, firstDelay, false};
    if (situation.attempts >= situation.attemptsMaximum)
        return {State::repair};
    return {State::retryWait, retryDelay(situation.attempts, situation.jitter)};
}

} // namespace

const char* name(Outcome outcome) {
    switch (outcome) {
    case Outcome::posted:
        return "posted";
    case Outcome::rejected:
        return "rejected";
    case Outcome::notFound:
        return "not_found";
    case Outcome::notDelivered:
        return "not_delivered";
    case Outcome::unknown:
        break;
    }
    return "unknown";
}

Dedup dedupByName(std::string_view text) {
    return text == "key" ? Dedup::key : text == "inquiry" ? Dedup::inquiry : Dedup::none;
}

milliseconds retryDelay(int attempts, double jitter) {
    const int doublings = std::clamp(attempts - 1, 0, 20);
    const milliseconds delay = std::min<milliseconds>(firstDelay * (int64_t{1} << doublings), lastDelay);
    return milliseconds(static_cast<int64_t>(static_cast<double>(delay.count()) * (0.75 + 0.5 * jitter)));
}

Next afterPost(const Answer& answer, const Situation& situation) {
    switch (answer.outcome) {
    case Outcome::posted:
    case Outcome::rejected:
        return settled(answer, situation);
    case Outcome::notDelivered:
        return again(answer, situation);
    case Outcome::notFound: // no answer to a posting: what happened is not known
    case Outcome::unknown:
        break;
    }
    return {State::unknown, forUnknown(situation) == UnknownStep::inquire ? milliseconds(0) : firstDelay};
}

UnknownStep forUnknown(const Situation& situation) {
    if (situation.dedup == Dedup::none)
        return UnknownStep::repair;
    if (situation.inquires)
        return UnknownStep::inquire;
    return situation.dedup == Dedup::key ? UnknownStep::resend : UnknownStep::repair;
}

Next afterInquiry(const Answer& answer, const Situation& situation) {
    switch (answer.outcome) {
    case Outcome::posted:
    case Outcome::rejected:
        return settled(answer, situation);
    case Outcome::notFound:
        if (situation.attempts >= situation.attemptsMaximum)
            return {State::repair};
        if (situation.dedup == Dedup::key)
            return {State::retryWait, resendDelay(situation)};
        if (situation.sinceSent < situation.callTimeout + inquiryGrace)
            return {State::unknown, firstDelay};
        if (situation.dedup == Dedup::none)
            return {State::repair};
        return {State::retryWait, resendDelay(situation)};
    case Outcome::notDelivered:
    case Outcome::unknown:
        break;
    }
    return {State::unknown, retryDelay(std::max(situation.attempts, 2), situation.jitter)};
}

} // namespace standin::core
