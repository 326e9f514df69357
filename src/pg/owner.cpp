#include "pg/owner.h"

namespace standin::pg {

namespace {

int pinSearchPath() {
    const int level = NewGUCNestLevel();
    call([] {
        set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
                          false);
    });
    return level;
}

} // namespace

OwnerScope::OwnerScope() {
    GetUserIdAndSecContext(&user_, &securityContext_);
    const Oid owner = call([] { return get_role_oid(ownerRole, false); });
    gucLevel_ = pinSearchPath();
    SetUserIdAndSecContext(owner, securityContext_ | SECURITY_LOCAL_USERID_CHANGE);
}

OwnerScope::~OwnerScope() {
    SetUserIdAndSecContext(user_, securityContext_);
    AtEOXact_GUC(true, gucLevel_);
}

RoleScope::RoleScope(Oid role, Rein rein) {
    GetUserIdAndSecContext(&user_, &securityContext_);
    gucLevel_ = pinSearchPath();
    const int confinement = rein == Rein::Confined ? SECURITY_RESTRICTED_OPERATION : 0;
    SetUserIdAndSecContext(role, securityContext_ | SECURITY_LOCAL_USERID_CHANGE | confinement);
}

RoleScope::~RoleScope() {
    SetUserIdAndSecContext(user_, securityContext_);
    AtEOXact_GUC(false, gucLevel_);
}

Oid callerOfDefiner() {
    if (InSecurityRestrictedOperation())
        throw Error("42501", "cannot change what pg_standin does from within a security-restricted operation");
    return GetOuterUserId();
}

bool mayRunUserCode(Oid role) {
    return call([role] { return !superuser_arg(role) && role != get_role_oid(ownerRole, false); });
}

} // namespace standin::pg
