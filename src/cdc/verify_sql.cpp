#include "pg/guard.h"

extern "C" {
#include <access/xact.h>
#include <executor/spi.h>
}

/// For a procedure in SQL: PostgreSQL's own error, at its COMMIT, says neither which one it is nor what to do.
STANDIN_FUNCTION(standin_cdc_verification_commits) {
    if (!SPI_inside_nonatomic_context() || IsSubTransaction())
        throw standin::Error("25001",
                             "standin.cdc_verify cannot run inside a transaction block, a function or a block with "
                             "EXCEPTION",
                             "It commits as it goes on: a snapshot that lasts would hold up the whole database.",
                             "CALL it by itself, outside of BEGIN and with autocommit on.");
    PG_RETURN_VOID();
}
