#include "workflow/schedule/start_pg.h"

#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::workflow {

void startAs(const ScheduledStart& start) {
    const Oid role = pg::call([name = start.role.c_str()] { return get_role_oid(name, true); });
    if (!OidIsValid(role))
        throw Error("42704", "role \"" + start.role + "\" of the schedule does not exist", {},
                    "Give the schedule to another: standin.schedule_alter(name, role => ...).");
    const pg::RoleScope scope(role);
    static pg::Statement call("SELECT standin.workflow_start(name => $1, id => $2, input => $3)");
    pg::Parameter input = pg::parameter(pg::Jsonb{start.input ? *start.input : std::string_view()});
    input.null = !start.input;
    call.run(start.workflow, start.id, input);
}

} // namespace standin::workflow
