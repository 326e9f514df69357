#include "workflow/procedure_pg.h"

extern "C" {
#include <tcop/dest.h>
#include <tcop/pquery.h>
#include <tcop/tcopprot.h>
#include <utils/portal.h>
}

namespace standin::workflow {

namespace {

/// Keeps the first column of the one row that a CALL with an INOUT parameter returns.
struct OutputReceiver {
    DestReceiver callbacks;
    MemoryContext context;
    JsonbDatum output;
};

bool receiveRow(TupleTableSlot* slot, DestReceiver* self) {
    auto* receiver = reinterpret_cast<OutputReceiver*>(self);
    const Datum value = slot_getattr(slot, 1, &receiver->output.null);
    if (!receiver->output.null) {
        MemoryContext previous = MemoryContextSwitchTo(receiver->context);
        receiver->output.value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
        MemoryContextSwitchTo(previous);
    }
    return true;
}

OutputReceiver outputReceiver(MemoryContext context) {
    OutputReceiver receiver{};
    receiver.callbacks.receiveSlot = receiveRow;
    receiver.callbacks.rStartup = [](DestReceiver*, int, TupleDesc) {};
    receiver.callbacks.rShutdown = [](DestReceiver*) {};
    receiver.callbacks.rDestroy = [](DestReceiver*) {};
    receiver.callbacks.mydest = DestNone;
    receiver.context = context;
    return receiver;
}

List* plan(const char* command, int parameters) {
    const Oid types[] = {JSONBOID, JSONBOID};
    auto* parsed = linitial_node(RawStmt, pg_parse_query(command));
    PushActiveSnapshot(GetTransactionSnapshot());
    List* rewritten = pg_analyze_and_rewrite_fixedparams(parsed, command, types, parameters, nullptr);
    List* planned = pg_plan_queries(rewritten, command, 0, nullptr);
    PopActiveSnapshot();
    return planned;
}

ParamListInfo parameterList(const ProcedureCall& call, int parameters) {
    ParamListInfo list = makeParamList(parameters);
    list->params[0] = {
        .value = call.input.value, .isnull = call.input.null, .pflags = PARAM_FLAG_CONST, .ptype = JSONBOID};
    if (parameters > 1)
        list->params[1] = {.value = 0, .isnull = true, .pflags = PARAM_FLAG_CONST, .ptype = JSONBOID};
    return list;
}

} // namespace

JsonbDatum callProcedure(const ProcedureCall& call) {
    const std::string text = "CALL " + call.procedure + (call.returnsOutput ? "($1, $2)" : "($1)");
    struct ShownInLogs {
        explicit ShownInLogs(const char* command) { debug_query_string = command; }
        ~ShownInLogs() { debug_query_string = nullptr; }
    } const shown(text.c_str());
    const int parameters = call.returnsOutput ? 2 : 1;
    return pg::call([&call, parameters, command = text.c_str()] {
        MemoryContext previous = MemoryContextSwitchTo(call.context);
        pgstat_report_activity(STATE_RUNNING, command);

        OutputReceiver receiver = outputReceiver(call.context);
        Portal portal = CreatePortal("", true, true);
        portal->visible = false;
        PortalDefineQuery(portal, nullptr, command, CMDTAG_CALL, plan(command, parameters), nullptr);
        PortalStart(portal, parameterList(call, parameters), 0, InvalidSnapshot);
        pg::runPortalOnce(portal, &receiver.callbacks);
        PortalDrop(portal, false);
        MemoryContextSwitchTo(previous);
        return receiver.output;
    });
}

} // namespace standin::workflow
