#include "pg/owner.h"

namespace standin::pg {

OwnerScope::OwnerScope() {
    GetUserIdAndSecContext(&user_, &securityContext_);
    const Oid owner = call([] { return get_role_oid(ownerRole, false); });
    gucLevel_ = NewGUCNestLevel();
    call([] {
        set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    });
    SetUserIdAndSecContext(owner, securityContext_ | SECURITY_LOCAL_USERID_CHANGE);
}

OwnerScope::~OwnerScope() {
    SetUserIdAndSecContext(user_, securityContext_);
    AtEOXact_GUC(true, gucLevel_);
}

} // namespace standin::pg
