#include <unistd.h>

#include "kernel/instance.h"
#include "pg/owner.h"
#include "pg/spi.h"

extern "C" {
#include <access/timeline.h>
#include <access/xlog.h>
}

namespace standin::kernel {

namespace {
char* instanceSetting = nullptr;
}

std::optional<std::string> instanceRefusal() {
    static pg::Statement refusal("SELECT standin_private.instance_refusal()");
    return refusal.run()[0].optional<std::string>(0);
}

void requireInstance() {
    if (const auto refusal = instanceRefusal())
        throw Error("55000", "this database was not adopted by this server", *refusal,
                    "If the original is gone for good, call standin.instance_adopt(reason).");
}

void requireAdopted() {
    static TimestampTz allowedAt = 0;
    const TimestampTz now = GetCurrentTimestamp();
    if (allowedAt != 0 && now >= allowedAt && now - allowedAt < USECS_PER_SEC)
        return;
    requireInstance();
    allowedAt = now;
}

void initInstance() {
    DefineCustomStringVariable(
        "pg_standin.instance",
        "Identity under which this server may send to cores and Kafka; empty binds to this very server.",
        "Set alike on a primary and its standbys it lets a failover go on by itself.", &instanceSetting, "", PGC_SIGHUP,
        0, nullptr, nullptr, nullptr);
}

} // namespace standin::kernel

using namespace standin;

// (setting text, system_identifier text, host text, data_directory text, timeline integer): what this server is.
STANDIN_FUNCTION(standin_instance_observed) {
    return pg::call([fcinfo] {
        TupleDesc description;
        if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "return type must be a row type");
        char host[256] = "";
        gethostname(host, sizeof(host) - 1);
        char identifier[32];
        snprintf(identifier, sizeof(identifier), UINT64_FORMAT, GetSystemIdentifier());
        const char* setting = kernel::instanceSetting ? kernel::instanceSetting : "";
        Datum values[] = {CStringGetTextDatum(setting), CStringGetTextDatum(identifier), CStringGetTextDatum(host),
                          CStringGetTextDatum(DataDir), Int32GetDatum(static_cast<int32>(GetWALInsertionTimeLine()))};
        bool nulls[] = {setting[0] == '\0', false, false, false, false};
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
    });
}

// Whether the current timeline is the given one or descends from it by promotions.
STANDIN_FUNCTION(standin_timeline_descends) {
    const auto ancestor = static_cast<TimeLineID>(PG_GETARG_INT32(0));
    const bool descends =
        pg::call([ancestor] { return tliInHistory(ancestor, readTimeLineHistory(GetWALInsertionTimeLine())); });
    PG_RETURN_BOOL(descends);
}
