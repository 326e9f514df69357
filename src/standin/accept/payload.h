#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "standin/accept/amount.h"
#include "standin/accept/field.h"

namespace standin::core {

struct PayloadFormat {
    std::string operation;
    Field account;
    Field amount;
    std::vector<std::pair<Field, std::string>> required; ///< with its type: string, number, boolean, object or array
    Field currencyField;                                 ///< none: every amount is in the core's currency
    std::string currency;                                ///< the core's
};

/// Of a JSON object: field -> JSON type.
std::vector<std::pair<Field, std::string>> requiredFields(std::string_view json);

struct Payload {
    std::string account;
    Decimal amount;
    std::string amountText;
};

/// The edits: is this payload one of the operation's? Throws Error (22023, 22003, 22P02) that names field and
/// operation.
Payload readPayload(const PayloadFormat& format, std::string_view json);

/// What jsonb writes, with each number in its shortest form: 0.10 is 0.1. The digest of a key is taken of this.
std::string withNumbersByValue(std::string_view json);

/// Whether two payloads, as jsonb writes them, ask for the same: account and amount as they are read (an amount of
/// "0.10" is one of 0.1), everything else as JSON values.
bool samePayload(const PayloadFormat& format, std::string_view first, std::string_view second);

} // namespace standin::core
