#pragma once

#include "pg/guard.h"

namespace standin::pg {

/// The role that owns the product's tables: no login, no superuser.
inline constexpr const char* ownerRole = "standin_owner";

/// Runs the product's own statements as standin_owner with a pinned search_path, so that callers need no right on private
/// tables and nothing they put on their search_path is ever called. User code never runs inside, and no transaction ends
/// inside.
class OwnerScope {
public:
    OwnerScope();
    ~OwnerScope();
    OwnerScope(const OwnerScope&) = delete;
    OwnerScope& operator=(const OwnerScope&) = delete;

private:
    Oid user_;
    int securityContext_;
    int gucLevel_;
};

} // namespace standin::pg
