#include "pg/owner.h"
#include "pg/spi.h"

extern "C" {
#include <catalog/namespace.h>
#include <catalog/pg_namespace.h>
#include <commands/sequence.h>
}

using namespace standin;

// The next schema for a workflow's code. It is made past the rights that standin_owner has, who may create nothing in a
// database: it gets one of the product's own names, and belongs to it.
STANDIN_FUNCTION(standin_workflow_code_schema) {
    return pg::call([] {
        const Oid sequence = get_relname_relid("workflow_code", get_namespace_oid("standin_private", false));
        char name[NAMEDATALEN];
        do {
            snprintf(name, sizeof(name), "standin_code_" INT64_FORMAT, nextval_internal(sequence, true));
        } while (OidIsValid(get_namespace_oid(name, true))); // of an extension that was dropped
        NamespaceCreate(name, get_role_oid(pg::ownerRole, false), false);
        CommandCounterIncrement();
        return DirectFunctionCall1(namein, CStringGetDatum(name));
    });
}
