#include "standin/outcome/transaction_state.h"

#include <array>
#include <cstdint>
#include <string>

#include "base/error.h"

namespace standin::core {

namespace {

constexpr std::array<const char*, 12> names{"declined", "accepted",    "in_flight",  "retry_wait",
                                            "unknown",  "posted",      "reconciled", "rejected",
                                            "repair",   "compensated", "cancelled",  "expired"};

template <class... States> constexpr uint16_t set(States... states) {
    return static_cast<uint16_t>((0U | ... | (1U << static_cast<unsigned>(states))));
}

// A change event of the core may confirm a transaction in any state that does not contradict it: after a restore from a
// backup the queue knows less than the core.
constexpr std::array<uint16_t, 12> following = [] {
    using enum State;
    std::array<uint16_t, 12> table{};
    auto at = [&](State state) -> uint16_t& { return table[static_cast<size_t>(state)]; };
    at(accepted) = set(inFlight, repair, reconciled, cancelled, expired);
    at(inFlight) = set(posted, rejected, retryWait, unknown, repair, reconciled);
    at(retryWait) = set(inFlight, repair, reconciled, cancelled, expired);
    at(unknown) = set(posted, rejected, retryWait, repair, reconciled);
    at(posted) = set(reconciled);
    at(rejected) = set(repair, compensated, cancelled);
    at(repair) = set(accepted, compensated, cancelled, reconciled);
    return table;
}();

} // namespace

const char* name(State state) { return names[static_cast<size_t>(state)]; }

State stateByName(std::string_view text) {
    for (size_t i = 0; i < names.size(); ++i)
        if (text == names[i])
            return static_cast<State>(i);
    throw Error("22023", "transaction state \"" + std::string(text) + "\" is not known");
}

bool mayFollow(State from, State to) { return from == to || (following[static_cast<size_t>(from)] & set(to)) != 0; }

bool queued(State state) {
    using enum State;
    return (set(state) & set(accepted, inFlight, retryWait, unknown, repair)) != 0;
}

bool final(State state) { return following[static_cast<size_t>(state)] == 0; }

PublicStatus publicStatus(State state, bool promised) {
    switch (state) {
    case State::declined:
        return {"declined", nullptr};
    case State::posted:
    case State::reconciled:
        return {"posted", "00"};
    case State::rejected:
        return promised ? processing : PublicStatus{"rejected", "05"};
    case State::compensated:
        return {"reversed", "05"};
    case State::cancelled:
        return {"cancelled", "17"};
    case State::expired:
        return {"expired", "68"};
    case State::accepted:
    case State::inFlight:
    case State::retryWait:
    case State::unknown:
    case State::repair:
        break;
    }
    return processing;
}

} // namespace standin::core
