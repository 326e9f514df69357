#include "pg/owner.h"

#include "pg/settings.h"
#include "pg/user_code.h"

namespace standin::pg {

OwnerScope::OwnerScope() {
    GetUserIdAndSecContext(&user_, &securityContext_);
    const Oid owner = call([] { return get_role_oid(ownerRole, false); });
    gucLevel_ = pinForms();
    readOnly_ = XactReadOnly;
    if (process() != Process::Session)
        XactReadOnly = false;
    SetUserIdAndSecContext(owner, securityContext_ | SECURITY_LOCAL_USERID_CHANGE);
}

OwnerScope::~OwnerScope() {
    SetUserIdAndSecContext(user_, securityContext_);
    AtEOXact_GUC(true, gucLevel_);
    XactReadOnly = readOnly_;
}

RoleScope::RoleScope(Oid role, Rein rein) {
    GetUserIdAndSecContext(&user_, &securityContext_);
    gucLevel_ = pinForms();
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
    if (process() == Process::Product)
        throw Error("42501", "cannot change what pg_standin does from within one of its workers", {},
                    "Let a session of the role that answers for the change make it.");
    return GetOuterUserId();
}

} // namespace standin::pg
