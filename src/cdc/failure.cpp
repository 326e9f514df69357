#include "cdc/failure.h"

#include <algorithm>
#include <array>

namespace standin::cdc {

namespace {

// What a record can be at fault for: 20 a CASE of a trigger that has no branch for it, 21 a subquery that finds too
// many rows, 22 data exception, 23 integrity constraint, 27 a trigger that changed the row itself, 2F and 38 a function
// that gave up, 44 check option, 54 program limit (a value too long for an index, JSON too deep), P0 raised by
// PL/pgSQL.
constexpr std::array<std::string_view, 10> ofRecords{"20", "21", "22", "23", "27", "2F", "38", "44", "54", "P0"};

// The other classes of PostgreSQL 15 to 18: of the world around the record (08 connections, 0A a cached plan that is
// out of date, 25 a read-only server, 40 deadlocks, 42 privileges, missing objects and generated columns, 53 resources,
// 55 locks, 57 shutdown and timeouts, 58 files, XX damage...) or never raised where rows are applied.
constexpr std::array<std::string_view, 34> ofTheWorld{
    "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "24", "25", "26", "28",
    "2B", "2D", "34", "39", "3B", "3D", "3F", "40", "42", "53", "55", "57", "58", "72", "F0", "HV", "XX"};

} // namespace

// A class that PostgreSQL does not know is the word of a user's trigger about the row.
bool isRecordError(std::string_view sqlstate) {
    const std::string_view kind = sqlstate.substr(0, 2);
    return std::find(ofRecords.begin(), ofRecords.end(), kind) != ofRecords.end() ||
           std::find(ofTheWorld.begin(), ofTheWorld.end(), kind) == ofTheWorld.end();
}

bool isRowsOwnError(std::string_view sqlstate) {
    return sqlstate.starts_with("22") || sqlstate.starts_with("44") || sqlstate.starts_with("54") ||
           sqlstate == "23502" || sqlstate == "23514";
}

} // namespace standin::cdc
