#pragma once

#include <string>
#include <vector>

#include "pg/guard.h"

namespace standin::core {

/// What standin.operation_grant gave.
struct OperationGrant {
    std::string operation; ///< "*" for all
    std::string role;
    std::string channel;
};

std::vector<OperationGrant> operationGrants(const std::string& core);

/// A channel is a namespace of idempotency keys. The core sees channel/key, or the bare key of the channel "".
std::string keyAtCore(const std::string& channel, const std::string& key);

/// The channel in which a role submits an operation: that of a grant to itself, else the only one of the roles it is a
/// member of; administrators without a grant of their own use bare keys. Never a guess, or a retry could be a second
/// payment: several channels are an error (42725), none is 42501.
std::string channelFor(const std::vector<OperationGrant>& grants, const std::string& core, const std::string& operation,
                       Oid caller);

/// Every channel of a core whose transactions a role may ask about.
std::vector<std::string> channelsOf(const std::vector<OperationGrant>& grants, Oid caller);

/// Bare keys that look like those of a channel would be taken from it. Throws Error 22023.
void requireNobodysKey(const std::vector<OperationGrant>& grants, const std::string& key);

/// Whether a role may ask about all transactions.
bool asksAboutAll(Oid caller);

/// Whether a role may ask about this transaction; false as well if it does not exist.
bool mayAskAbout(int64_t ticket, Oid caller);

} // namespace standin::core
