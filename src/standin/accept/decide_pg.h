#pragma once

#include <string>

#include "standin/accept/accept_config_pg.h"
#include "standin/accept/account_row_pg.h"
#include "standin/accept/payload.h"
#include "standin/accept/rules.h"

namespace standin::core {

/// When a decision is taken: by the clock, and at the core.
struct Moment {
    int64_t now; ///< microseconds since 2000
    std::string day;
    int minuteOfDay;
};
Moment momentAt(const AcceptConfig& config);

/// What the rules say, if stand-in is to decide. Writes nothing.
Decision decideInStandIn(const std::string& core, const AcceptConfig& config, const Payload& payload,
                         const AccountRow& account, const Moment& moment);

} // namespace standin::core
