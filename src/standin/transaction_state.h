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

} // namespace standin::core
