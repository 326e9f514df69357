#include "pg/owner.h"
#include "workflow/step_pg.h"
#include "workflow/wait_pg.h"

extern "C" {
#include <utils/array.h>
}

using namespace standin;
using namespace standin::workflow;

namespace {

std::chrono::milliseconds durationArgument(FunctionCallInfo fcinfo, int number, const char* what) {
    if (PG_ARGISNULL(number))
        throw Error("22004", std::string(what) + " of a step must not be null");
    return milliseconds(PG_GETARG_INTERVAL_P(number));
}

RetryPolicy policyArguments(FunctionCallInfo fcinfo) {
    RetryPolicy policy{.retries = PG_ARGISNULL(4) ? 0 : PG_GETARG_INT32(4),
                       .retryOn = {},
                       .backoff = durationArgument(fcinfo, 5, "backoff"),
                       .maximumBackoff = durationArgument(fcinfo, 6, "maximum_backoff")};
    if (policy.retries < 0 || policy.retries > 1000000)
        throw Error("22023", "retries of a step must be between 0 and 1000000");
    if (PG_ARGISNULL(7))
        return policy;
    Datum* elements;
    bool* nulls;
    int count;
    pg::call([&] {
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(7), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
    });
    for (int i = 0; i < count; ++i) {
        policy.retryOn.push_back(nulls[i] ? "" : pg::call([&] { return TextDatumGetCString(elements[i]); }));
        if (!isErrorClass(policy.retryOn.back()))
            throw Error("22023", "retry_on must have SQLSTATEs of 5 characters or classes of 2", {},
                        "For example '{40, 55P03}'.");
    }
    return policy;
}

bool returnsError(FunctionCallInfo fcinfo) {
    const std::string asked = textArgument(fcinfo, 9, "on_error of a step");
    if (asked != "raise" && asked != "return")
        throw Error("22023", "on_error of a step must be raise or return");
    return asked == "return";
}

} // namespace

// CALL standin.step(name, handler, input, INOUT output, retries, backoff, maximum_backoff, retry_on, timeout, on_error,
//                   compensate)
STANDIN_FUNCTION(standin_step) {
    const std::string name = textArgument(fcinfo, 0, "name of a step");
    Execution& execution = enterStep(fcinfo, "step", name);
    const StepCall call{
        .name = name,
        .handler = textArgument(fcinfo, 1, "handler of a step"),
        .input = {.value = PG_ARGISNULL(2) ? 0 : PG_GETARG_DATUM(2), .null = PG_ARGISNULL(2)},
        .policy = policyArguments(fcinfo),
        .timeout = PG_ARGISNULL(8) ? std::chrono::milliseconds(0) : milliseconds(PG_GETARG_INTERVAL_P(8)),
        .returnsError = returnsError(fcinfo),
        .compensation =
            PG_ARGISNULL(10) ? std::nullopt : std::optional(textArgument(fcinfo, 10, "compensate of a step")),
        .results = CurrentMemoryContext,
    };
    return resultRow(fcinfo, runStep(execution, call));
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
    const std::string key = execution->stepKey();
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
