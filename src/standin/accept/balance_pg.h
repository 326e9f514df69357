#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pg/guard.h"

namespace standin::core {

struct BalanceSource {
    Oid target;
    std::string accountColumn;
    std::string balanceColumn;
    std::string asOfColumn{}; ///< these may be missing
    std::string statusColumn{};
    std::string overdraftColumn{};
};

/// What the replicated table says of an account; what was not asked for, or is not there, is none.
struct AccountFacts {
    std::optional<std::string> balance; ///< numeric text
    std::optional<int64_t> asOf;        ///< microseconds since 2000-01-01 UTC
    std::optional<std::string> status;
    std::optional<bool> overdraftAgreed;
};
struct WantedFacts {
    bool asOf = false;
    bool status = false;
    bool overdraft = false;
};

/// An account has one row, one lock and one sum of holds, so it must have one name. Throws Error 22023 for a second
/// spelling of what the balance table's column takes for the same value ("01", " 1" of an integer).
void requireOwnName(const BalanceSource& source, const std::string& account);

/// Its name, for messages.
std::string tableName(Oid target);

/// The account's row, if it has one. Throws as requireOwnName does.
std::optional<AccountFacts> readAccount(const BalanceSource& source, const std::string& account,
                                        const WantedFacts& wanted);

/// The watermark of the account's balance, microseconds since 2000-01-01 UTC, if there is one. Throws as requireOwnName
/// does, and 42804 if the column is not of type timestamptz any more.
std::optional<int64_t> readWatermark(const BalanceSource& source, const std::string& column,
                                     const std::string& account);

} // namespace standin::core
