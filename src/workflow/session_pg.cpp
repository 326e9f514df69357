#include "workflow/session_pg.h"

#include "pg/guard.h"

extern "C" {
#include <catalog/namespace.h>
#include <commands/async.h>
#include <commands/prepare.h>
#include <commands/sequence.h>
#include <storage/lock.h>
#include <utils/portal.h>
}

namespace standin::workflow {

void resetSession(const std::string& applicationName) {
    pg::call([name = applicationName.c_str()] {
        PortalErrorCleanup();
        PortalHashTableDeleteAll();
        SetPGVariable("session_authorization", NIL, false);
        ResetAllOptions();
        DropAllPreparedStatements();
        Async_UnlistenAll();
        LockReleaseAll(USER_LOCKMETHOD, true);
        ResetTempTableNamespace();
        ResetSequenceCaches();
        set_config_option("application_name", name, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
    });
}

} // namespace standin::workflow
