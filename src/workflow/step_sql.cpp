#include "pg/owner.h"
#include "workflow/refusal.h"
#include "workflow/step_pg.h"
#include "workflow/wait_pg.h"

extern "C" {
#include <access/htup_details.h>
}

using namespace standin;
using namespace standin::workflow;

namespace {

std::string textArgument(FunctionCallInfo fcinfo, int number, const char* what) {
    if (PG_ARGISNULL(number))
        throw Error("22004", std::string(what) + " of a step must not be null");
    return pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
}

Datum resultRow(FunctionCallInfo fcinfo, JsonbDatum output) {
    return pg::call([&] {
        TupleDesc descriptor;
        if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("step must be called by CALL")));
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), &output.value, &output.null));
    });
}

} // namespace

// CALL standin.step(name, handler, input, INOUT output, retries)
STANDIN_FUNCTION(standin_step) {
    Execution* execution = Execution::current();
    if (!execution)
        throw Error(
            "55000", "step is called outside a workflow", {},
            "It belongs into the procedure of a workflow that standin.workflow_start has started; an application "
            "worker uses standin.step_record.");
    execution->throwIfMarked();
    const std::string name = textArgument(fcinfo, 0, "name");
    if (const auto refusal =
            refuseStep(name, {.atomic = isAtomic(fcinfo), .written = TransactionIdIsValid(GetTopTransactionIdIfAny())}))
        throw execution->mark(*refusal);
    if (name.empty() || name.size() > 200)
        throw Error("22023", "name of a step must have 1 to 200 bytes");
    execution->throwIfTurnIsOver();

    const StepCall call{
        .name = name,
        .handler = textArgument(fcinfo, 1, "handler"),
        .input = {.value = PG_ARGISNULL(2) ? 0 : PG_GETARG_DATUM(2), .null = PG_ARGISNULL(2)},
        .retries = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4),
        .results = CurrentMemoryContext,
    };
    return resultRow(fcinfo, runStep(*execution, call));
}

STANDIN_FUNCTION(standin_workflow_current) {
    const Execution* execution = Execution::current();
    if (!execution)
        PG_RETURN_NULL();
    return pg::call([execution] { return CStringGetTextDatum(execution->id.c_str()); });
}

STANDIN_FUNCTION(standin_step_key) {
    const Execution* execution = Execution::current();
    if (!execution || !execution->insideHandler)
        PG_RETURN_NULL();
    const std::string key = execution->id + ":" + std::to_string(execution->cursor.seq());
    return pg::call([text = key.c_str()] { return CStringGetTextDatum(text); });
}

STANDIN_FUNCTION(standin_workflow_input_hash) {
    return Int64GetDatum(hashInput({.value = PG_ARGISNULL(0) ? 0 : PG_GETARG_DATUM(0), .null = PG_ARGISNULL(0)}));
}

STANDIN_FUNCTION(standin_workflow_caller) { return ObjectIdGetDatum(pg::callerOfDefiner()); }

// Whoever was told of a token, a recorded step or an end must not lose it to a crash.
STANDIN_FUNCTION(standin_workflow_flush) {
    ForceSyncCommit();
    PG_RETURN_VOID();
}
