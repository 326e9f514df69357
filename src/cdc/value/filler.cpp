#include "cdc/value/filler.h"

#include <algorithm>

namespace standin::cdc {

namespace {

constexpr int64_t epochDays = -10957; ///< 1970 in days since 2000
constexpr int64_t epochMicros = epochDays * 86'400'000'000;

} // namespace

bool mayBeFiller(const Cell& cell, ColumnType type) {
    switch (cell.kind) {
    case CellKind::Value:
        return cell.value == 0 || (type == ColumnType::Date && cell.value == epochDays) ||
               ((type == ColumnType::Timestamp || type == ColumnType::Timestamptz) && cell.value == epochMicros);
    case CellKind::Text:
        return cell.size == 0 || cell.bytes().starts_with("1970-01-01");
    case CellKind::Bytes:
        return std::all_of(cell.data, cell.data + cell.size, [](char byte) { return byte == 0; });
    case CellKind::Numeric:
        return reinterpret_cast<const DecimalCell*>(cell.data)->count == 0;
    default:
        return true;
    }
}

} // namespace standin::cdc
