#pragma once

#include <cstdint>
#include <string>

#include "standin/connector/connector.h"
#include "standin/connector/core_config_pg.h"
#include "standin/outcome/policy.h"

namespace standin::core {

enum class CallKind { post, inquire };

/// A transaction on its way to a core.
struct Sending {
    int64_t ticket = 0;
    std::string account;
    CallKind kind = CallKind::post;
    Request request;
};

/// Locks an account's row without waiting; false if another session has it.
bool lockAccountNow(const std::string& core, const std::string& account);

/// What was taken to be sent and was not: a posting waits for a second, an inquiry is as it was. Needs no account's
/// lock.
void putBack(const Sending& sending);

/// Writes an answer of a core and what follows from it: answer log, state, hold, decision log. Locks the account's row,
/// then the transaction's. What a change event settled in the meantime stays settled. Returns the state after it.
State recordOutcome(const CoreConfig& config, bool inquires, const Sending& sending, const Answer& answer);

/// What a caller is told about a state.
struct Standing {
    State state;
    std::string status;
    std::string code;
    std::string message;
};
[[noreturn]] void unknownTicket(int64_t ticket);
/// Throws Error 42704 if there is no such ticket.
Standing standing(int64_t ticket);

} // namespace standin::core
