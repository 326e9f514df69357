#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cdc/target/target_pg.h"

namespace standin::cdc {

/// A kept statement about a target table. Each parameter is a cell of one of its columns; what is not a cell comes
/// after them. Needs an SPI connection.
class TargetStatement {
public:
    TargetStatement() = default;
    TargetStatement(TargetTable& table, std::vector<uint16_t> columns, const std::string& sql,
                    std::span<const Oid> further = {});
    ~TargetStatement();
    TargetStatement(TargetStatement&& other) noexcept;
    TargetStatement& operator=(TargetStatement&& other) noexcept;

    explicit operator bool() const { return plan_ != nullptr; }
    /// Number of rows that the statement processed; its result is SPI's.
    uint64_t execute(TargetTable& table, const Cell* cells, std::span<const Datum> further = {}) const;

private:
    SPIPlanPtr plan_ = nullptr;
    std::vector<uint16_t> columns_;
};

std::string quoted(const std::string& name);
/// The same of a text, as a literal.
std::string quotedLiteral(const std::string& text);
/// "$1" for 0.
std::string parameterAt(size_t index);
/// An operator named in full: search_path is pinned, and the type may be anybody's.
std::string operatorName(Oid op);
/// "t.k1 = $1 AND t.k2 = $2" with the values' expressions by their place in the key, and the equality of its index.
std::string keyCondition(TargetTable& table, const std::function<std::string(size_t)>& value);
/// A parenthesis of column names and one of their values $1, $2...
std::string insertStatement(TargetTable& table, std::span<const uint16_t> columns);

} // namespace standin::cdc
