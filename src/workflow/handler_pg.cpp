#include "workflow/handler_pg.h"

extern "C" {
#include <catalog/objectaccess.h>
#include <catalog/pg_proc.h>
#include <nodes/value.h>
#include <parser/parse_func.h>
#include <utils/fmgrprotos.h>
#include <utils/regproc.h>
#include <utils/varlena.h>
}

namespace standin::workflow {

namespace {

Oid lookUp(const std::string& name) {
    const char* text = name.c_str();
    if (name.find('(') != std::string::npos)
        return pg::call(
            [text] { return DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(text))); });
    return pg::call([text] {
        const Oid argument = JSONBOID;
        return LookupFuncName(textToQualifiedNameList(cstring_to_text(text)), 1, &argument, true);
    });
}

/// Of a function's catalog row, what decides whether it can be a handler.
bool isHandler(Oid function) {
    return pg::call([function] {
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple))
            return false;
        auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        const bool fits = proc->prokind == PROKIND_FUNCTION && !proc->proretset && proc->prorettype == JSONBOID &&
                          proc->pronargs == 1 && proc->proargtypes.values[0] == JSONBOID;
        ReleaseSysCache(tuple);
        return fits;
    });
}

} // namespace

Oid findHandler(const std::string& name) {
    const Oid handler = lookUp(name);
    if (!OidIsValid(handler))
        throw Error("42883", "handler " + name + "(jsonb) does not exist", {},
                    "Qualify its name with the schema, and see that this role may use the schema.");
    if (!isHandler(handler))
        throw Error("42P13", name + " cannot be the handler of a step", {},
                    "A handler is a function that takes one jsonb and returns jsonb.");
    const bool allowed = pg::call([handler] {
        return DatumGetBool(
            DirectFunctionCall2(has_function_privilege_id, ObjectIdGetDatum(handler), CStringGetTextDatum("EXECUTE")));
    });
    if (!allowed)
        throw Error("42501", "permission denied for handler " + name);
    return handler;
}

JsonbDatum callHandler(Oid handler, JsonbDatum input, MemoryContext results) {
    return pg::call([handler, input, results] {
        JsonbDatum result;
        FmgrInfo function;
        LOCAL_FCINFO(arguments, 1);
        fmgr_info(handler, &function);
        if (function.fn_strict && input.null)
            return result;
        InvokeFunctionExecuteHook(handler);
        InitFunctionCallInfoData(*arguments, &function, 1, InvalidOid, nullptr, nullptr);
        arguments->args[0].value = input.value;
        arguments->args[0].isnull = input.null;

        PgStat_FunctionCallUsage usage;
        PushActiveSnapshot(GetTransactionSnapshot());
        pgstat_init_function_usage(arguments, &usage);
        const Datum value = FunctionCallInvoke(arguments);
        pgstat_end_function_usage(&usage, true);
        result.null = arguments->isnull;
        if (!result.null) {
            MemoryContext previous = MemoryContextSwitchTo(results);
            result.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
            MemoryContextSwitchTo(previous);
        }
        PopActiveSnapshot();
        return result;
    });
}

} // namespace standin::workflow
