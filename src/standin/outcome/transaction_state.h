#pragma once

#include <string_view>

namespace standin::core {

enum class State {
    declined,
    accepted,
    inFlight,
    retryWait,
    unknown,
    posted,
    reconciled,
    rejected,
    repair,
    compensated,
    cancelled,
    expired
};

const char* name(State state);
State stateByName(std::string_view name); ///< throws Error 22023

/// The state diagram of src/standin/README.md. Staying is always allowed.
bool mayFollow(State from, State to);

/// Whether the transaction still stands before the core and keeps later ones of its account waiting.
bool queued(State state);
/// Nothing follows any more.
bool final(State state);

/// What an application is told of a state: a word of a small vocabulary, and an ISO 8583 answer code.
struct PublicStatus {
    const char* status;
    const char* code; ///< null: the code of the decision
};
/// `promised`: the customer was told yes, so what the core refused is being looked at.
PublicStatus publicStatus(State state, bool promised);
inline constexpr PublicStatus processing{"accepted", "09"}; ///< request in progress

} // namespace standin::core
