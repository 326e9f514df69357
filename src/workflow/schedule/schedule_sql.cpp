#include "pg/owner.h"
#include "pg/spi.h"
#include "workflow/schedule/plan.h"
#include "workflow/schedule/start_pg.h"
#include "workflow/schedule/zone_pg.h"

using namespace standin;

namespace {

std::string textArgument(FunctionCallInfo fcinfo, int number) {
    return pg::call([fcinfo, number] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
}

} // namespace

// (cron text, time_zone text, after timestamptz): the first tick after, or null.
STANDIN_FUNCTION(standin_schedule_next) {
    const workflow::Cron cron = workflow::parseCron(textArgument(fcinfo, 0));
    const workflow::ServerZone zone(textArgument(fcinfo, 1));
    const auto tick = workflow::nextTick(cron, zone, workflow::secondOf(PG_GETARG_TIMESTAMPTZ(2)));
    if (!tick)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(workflow::timestampOf(*tick));
}

// (schedule text, tick timestamptz, jitter bigint): microseconds.
STANDIN_FUNCTION(standin_schedule_jitter) {
    PG_RETURN_INT64(
        workflow::jitterOf(textArgument(fcinfo, 0), workflow::secondOf(PG_GETARG_TIMESTAMPTZ(1)), PG_GETARG_INT64(2)));
}

// (role name, workflow text, id text, input jsonb)
STANDIN_FUNCTION(standin_schedule_start) {
    workflow::ScheduledStart start{
        .role = NameStr(*PG_GETARG_NAME(0)), .workflow = textArgument(fcinfo, 1), .id = textArgument(fcinfo, 2)};
    const pg::OwnerScope owner;
    const pg::Spi spi;
    if (!PG_ARGISNULL(3)) {
        static pg::Statement written("SELECT $1::text");
        start.input = written.run(pg::Typed{.type = JSONBOID, .value = PG_GETARG_DATUM(3)})[0].get<std::string>(0);
    }
    workflow::startAs(start);
    PG_RETURN_VOID();
}
