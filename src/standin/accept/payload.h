#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "standin/accept/amount.h"

namespace standin::core {

struct PayloadFormat {
    std::string operation;
    std::string accountField;
    std::string amountField;
    std::string required; ///< a JSON object: field -> string, number, boolean, object or array
};

struct Payload {
    std::string account;
    Decimal amount;
    std::string amountText;
};

/// The edits: is this payload one of the operation's? Throws Error (22023, 22003, 22P02) that names field and
/// operation.
Payload readPayload(const PayloadFormat& format, std::string_view json);

} // namespace standin::core
