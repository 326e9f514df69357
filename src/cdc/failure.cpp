#include "cdc/failure.h"

#include <algorithm>
#include <array>
#include <utility>

namespace standin::cdc {

// 22 data exception, 23 integrity constraint, 44 check option, 54 program limit (a value too long for an index, JSON
// too deep), P0 raised by a trigger. Everything else (42 privileges and missing objects, 40 deadlock, 53 resources, 55
// locks, 57 shutdown, 08, 58, XX) is no fault of the record.
bool isRecordError(std::string_view sqlstate) {
    for (const std::string_view recordClass : {"22", "23", "44", "54", "P0"})
        if (sqlstate.starts_with(recordClass))
            return true;
    return false;
}

bool isWorldError(std::string_view sqlstate) {
    for (const std::string_view worldClass : {"08", "25", "40", "53", "55", "57", "58", "XX"})
        if (sqlstate.starts_with(worldClass))
            return true;
    return sqlstate == "42501"; // insufficient_privilege
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
