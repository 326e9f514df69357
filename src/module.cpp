#include "cdc/cdc.h"
#include "kernel/kernel.h"
#include "outbox/outbox.h"
#include "pg/guard.h"
#include "pg/user_code.h"
#include "standin/standin.h"
#include "workflow/workflow.h"

extern "C" {
PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
}

void _PG_init(void) {
    if (IsBinaryUpgrade)
        return;
    standin::pg::entry([] {
        if (!process_shared_preload_libraries_in_progress)
            throw standin::Error(
                "55000", "pg_standin must be loaded at server start", {},
                "Add pg_standin to shared_preload_libraries in postgresql.conf and restart the server.");
        standin::pg::initUserCodeAssertion();
        standin::pg::initDeferralGuard();
        standin::kernel::init();
        standin::cdc::init();
        standin::workflow::init();
        standin::core::init();
        standin::outbox::init(); // last: it gives a transaction its place in the order of commits
        standin::pg::call([] { MarkGUCPrefixReserved("pg_standin"); });
    });
}
