#pragma once

#include "pg/guard.h"

namespace standin::pg {

/// The role that owns the product's tables: no login, no superuser.
inline constexpr const char* ownerRole = "standin_owner";

/// A role without any right.
inline constexpr const char* nobodyRole = "standin_nobody";

/// Runs the product's own statements as standin_owner with pinned settings (see pg/settings.h), so that callers
/// need no right on private tables and nothing they put on their search_path is ever called. User code never runs inside, and no
/// transaction ends inside.
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
    bool readOnly_; // of the transaction: a role's wish for its own writes, in an executor
};

/// Runs what users bring (functions; tables with their policies, types and indexes) as the role it belongs to, with the
/// same pinned search_path: never as the product, and never with names that the calling session chose. Changed settings
/// are undone. A confined role is also forbidden what could outlive the scope (deferred triggers, cursors, temporary
/// objects).
class RoleScope {
public:
    enum class Rein { Confined, Free };
    explicit RoleScope(Oid role, Rein rein = Rein::Confined);
    ~RoleScope();
    RoleScope(const RoleScope&) = delete;
    RoleScope& operator=(const RoleScope&) = delete;

private:
    Oid user_;
    int securityContext_;
    int gucLevel_;
};

/// Who asks, seen from inside a SECURITY DEFINER function: the session's user or what it SET ROLE to. An index, a
/// materialized view or a connector runs its owner's code inside other people's sessions (autovacuum's too), whose
/// rights it must not borrow: there it throws 42501. So it does in a worker of the product, where code of users (of
/// triggers, say) has no session of its own that it could speak for; in an executor the caller is the role of the
/// workflow.
Oid callerOfDefiner();

} // namespace standin::pg
