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

void resetSession() {
    pg::call([] {
        PortalErrorCleanup();
        PortalHashTableDeleteAll();
        SetPGVariable("session_authorization", NIL, false);
        ResetAllOptions();
        DropAllPreparedStatements();
        Async_UnlistenAll();
        LockReleaseAll(USER_LOCKMETHOD, true);
        ResetTempTableNamespace();
        ResetSequenceCaches();
    });
}

} // namespace standin::workflow
