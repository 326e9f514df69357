#include "cdc/failure/failure.h"

#include <algorithm>
#include <array>
#include <utility>

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

// A class that PostgreSQL does not know is the word of a user's trigger about the row. 428C9: a column that no
// statement may set, as a row has it.
bool isRecordError(std::string_view sqlstate) {
    if (sqlstate == "428C9")
        return true;
    const std::string_view kind = sqlstate.substr(0, 2);
    return std::find(ofRecords.begin(), ofRecords.end(), kind) != ofRecords.end() ||
           std::find(ofTheWorld.begin(), ofTheWorld.end(), kind) == ofTheWorld.end();
}

bool isWorldError(std::string_view sqlstate) {
    for (const std::string_view worldClass : {"08", "25", "40", "53", "55", "57", "58", "XX"})
        if (sqlstate.starts_with(worldClass))
            return true;
    return sqlstate == "42501"; // insufficient_privilege
}

bool isValueError(std::string_view sqlstate) { return sqlstate == "XX000" || !isWorldError(sqlstate); }

bool isTableError(std::string_view sqlstate) {
    return sqlstate.starts_with("42") || sqlstate.starts_with("3F") || sqlstate == "55000";
}

bool isRowsOwnError(std::string_view sqlstate) {
    return sqlstate.starts_with("22") || sqlstate.starts_with("44") || sqlstate.starts_with("54") ||
           sqlstate == "23502" || sqlstate == "23514";
}

namespace {

// The names of PostgreSQL's appendix A; a class stands for those of its members that are not listed.
constexpr std::array<std::pair<std::string_view, std::string_view>, 29> conditions{{
    {"22001", "string data right truncation"},
    {"22003", "numeric value out of range"},
    {"22004", "null value not allowed"},
    {"22007", "invalid datetime format"},
    {"22008", "datetime field overflow"},
    {"22012", "division by zero"},
    {"22021", "character not in repertoire"},
    {"22023", "invalid parameter value"},
    {"22026", "string data length mismatch"},
    {"22030", "duplicate JSON object key value"},
    {"22032", "invalid JSON text"},
    {"22P02", "invalid text representation"},
    {"22P03", "invalid binary representation"},
    {"22P05", "untranslatable character"},
    {"23502", "not null violation"},
    {"23503", "foreign key violation"},
    {"23505", "unique violation"},
    {"23514", "check violation"},
    {"23P01", "exclusion violation"},
    {"54000", "program limit exceeded"},
    {"54001", "statement too complex"},
    {"P0001", "raise exception"},
    {"P0002", "no data found"},
    {"P0003", "too many rows"},
    {"22", "data exception"},
    {"23", "integrity constraint violation"},
    {"44", "with check option violation"},
    {"54", "program limit exceeded"},
    {"P0", "PL/pgSQL error"},
}};

} // namespace

std::string_view discreetMessage(std::string_view sqlstate) {
    const auto named = std::find_if(conditions.begin(), conditions.end(),
                                    [&](const auto& condition) { return sqlstate.starts_with(condition.first); });
    return named == conditions.end() ? "error" : named->second;
}

} // namespace standin::cdc
