#include "workflow/handler_pg.h"

#include <algorithm>

extern "C" {
#include <access/xact.h>
#include <catalog/namespace.h>
#include <catalog/objectaccess.h>
#include <catalog/pg_proc.h>
#include <commands/async.h>
#include <commands/prepare.h>
#include <commands/sequence.h>
#include <nodes/value.h>
#include <parser/parse_func.h>
#include <storage/lock.h>
#include <storage/proc.h>
#include <utils/fmgrprotos.h>
#include <utils/guc.h>
#include <utils/regproc.h>
#include <utils/timeout.h>
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

namespace {

JsonbDatum callHandler(Oid handler, JsonbDatum input, MemoryContext results) {
    return pg::call([handler, input, results] {
        JsonbDatum result;
        FmgrInfo function;
        LOCAL_FCINFO(arguments, 1);
        fmgr_info(handler, &function);
        if (function.fn_strict && input.null)
            ereport(ERROR,
                    (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                     errmsg("handler %s is STRICT and the input is null: it would not run", get_func_name(handler))));
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

/// While the handler runs: its settings, its timeout, and that it is a handler that runs.
class HandlerScope {
public:
    HandlerScope(Execution& execution, std::chrono::milliseconds timeout) : execution_(execution) {
        GetUserIdAndSecContext(&user_, &securityContext_);
        gucLevel_ = NewGUCNestLevel();
        const std::chrono::milliseconds limit = attemptLimit(timeout);
        if (limit.count() > 0)
            enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(std::min<int64_t>(limit.count(), INT_MAX)));
        execution_.insideHandler = true;
    }
    ~HandlerScope() {
        disable_timeout(STATEMENT_TIMEOUT, false);
        execution_.insideHandler = false;
        AtEOXact_GUC(false, gucLevel_);
        SetUserIdAndSecContext(user_, securityContext_);
    }
    HandlerScope(const HandlerScope&) = delete;
    HandlerScope& operator=(const HandlerScope&) = delete;

private:
    Execution& execution_;
    Oid user_;
    int securityContext_;
    int gucLevel_;
};

} // namespace

std::chrono::milliseconds attemptLimit(std::chrono::milliseconds timeout) {
    const std::chrono::milliseconds role(StatementTimeout);
    return role.count() > 0 && (timeout.count() == 0 || role < timeout) ? role : timeout;
}

JsonbDatum runHandler(Execution& execution, Oid handler, JsonbDatum input, std::chrono::milliseconds timeout,
                      MemoryContext results) {
    JsonbDatum result;
    {
        const HandlerScope scope(execution, timeout);
        result = callHandler(handler, input, results);
    }
    pg::call([] {
        if (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE)
            ResetTempTableNamespace();
    });
    return result;
}

void forgetSession() {
    pg::call([] {
        DropAllPreparedStatements();
        Async_UnlistenAll();
        LockReleaseSession(USER_LOCKMETHOD);
        ResetSequenceCaches();
    });
}

} // namespace standin::workflow
