#include "standin/outcome/transaction_state.h"

#include "pg/guard.h"

extern "C" {
#include <commands/trigger.h>
#include <utils/datum.h>
#include <utils/rel.h>
}

// The trigger that holds pending_transaction to its state diagram. The diagram itself is transaction_state.cpp.

namespace standin::core {

namespace {

constexpr const char* immutable[] = {"ticket", "account", "core",     "capability", "operation", "key",
                                     "amount", "payload", "promised", "epoch",      "episode",   "accepted_at"};

bool same(const TriggerData& trigger, int column) {
    const TupleDesc description = RelationGetDescr(trigger.tg_relation);
    bool nullBefore, nullAfter;
    const Datum before = heap_getattr(trigger.tg_trigtuple, column, description, &nullBefore);
    const Datum after = heap_getattr(trigger.tg_newtuple, column, description, &nullAfter);
    if (nullBefore || nullAfter)
        return nullBefore == nullAfter;
    const Form_pg_attribute attribute = TupleDescAttr(description, column - 1);
    return pg::call([&] { return datum_image_eq(before, after, attribute->attbyval, attribute->attlen); });
}

State stateOf(const TriggerData& trigger, HeapTuple tuple) {
    const char* text = pg::call([&] {
        const TupleDesc description = RelationGetDescr(trigger.tg_relation);
        return SPI_getvalue(tuple, description, SPI_fnumber(description, "state"));
    });
    return stateByName(text ? text : "");
}

int64_t ticketOf(const TriggerData& trigger) {
    const TupleDesc description = RelationGetDescr(trigger.tg_relation);
    bool null;
    return DatumGetInt64(heap_getattr(trigger.tg_trigtuple, SPI_fnumber(description, "ticket"), description, &null));
}

} // namespace

static void checkUpdate(const TriggerData& trigger) {
    const TupleDesc description = RelationGetDescr(trigger.tg_relation);
    for (const char* column : immutable)
        if (!same(trigger, SPI_fnumber(description, column)))
            throw Error("23514", "column \"" + std::string(column) + "\" of a transaction never changes",
                        "Ticket " + std::to_string(ticketOf(trigger)) + ".", "Corrections are new transactions.");
    const State before = stateOf(trigger, trigger.tg_trigtuple);
    const State after = stateOf(trigger, trigger.tg_newtuple);
    if (!mayFollow(before, after))
        throw Error("23514", "transaction " + std::to_string(ticketOf(trigger)) + " cannot go from " + name(before) +
                                 " to " + name(after));
}

} // namespace standin::core

STANDIN_FUNCTION(standin_pending_transaction_guard) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw standin::Error("39P01", "function must be called as a trigger");
    auto* trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    standin::core::checkUpdate(*trigger);
    return PointerGetDatum(trigger->tg_newtuple);
}
