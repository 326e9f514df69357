#include "workflow/call_pg.h"

extern "C" {
#include <access/htup_details.h>
}

namespace standin::workflow {

JsonbDatum copied(const pg::Row& row, int column, MemoryContext results) {
    if (row.isNull(column))
        return {};
    const Datum value = row.datum(column);
    const pg::MemoryContextScope scope(results);
    return {pg::call([value] { return PointerGetDatum(PG_DETOAST_DATUM_COPY(value)); }), false};
}

std::string textArgument(FunctionCallInfo fcinfo, int number, const char* what) {
    if (PG_ARGISNULL(number))
        throw Error("22004", std::string(what) + " must not be null");
    return pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
}

Datum resultRow(FunctionCallInfo fcinfo, JsonbDatum output) {
    return pg::call([&] {
        TupleDesc descriptor;
        if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("it must be called by CALL")));
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), &output.value, &output.null));
    });
}

} // namespace standin::workflow
