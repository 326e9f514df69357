#include <string_view>

#include "cdc/failure.h"

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

bool isRowsOwnError(std::string_view sqlstate) {
    return sqlstate.starts_with("22") || sqlstate.starts_with("44") || sqlstate.starts_with("54") ||
           sqlstate == "23502" || sqlstate == "23514";
}

} // namespace standin::cdc
