#pragma once

#include <string>

#include "pg/guard.h"

namespace standin::pg {

/// Whose code a process may run, and as whom it commits.
enum class Process : uint8_t {
    Session, ///< a user's own
    Product, ///< launcher, supervisor, a worker of the product: commits with nobody's rights
    Role     ///< an executor, connected as the role whose workflows it runs: commits as that role
};

void setProcess(Process kind);
Process process();

/// Whether PostgreSQL itself brought the type. What initdb made consists of what initdb made: no element, attribute,
/// base type or subtype of it has functions, casts or checks that a user wrote.
bool isBuiltIn(Oid type);

/// Whether user code may run as this role: not as the product nor as any of its roles, and not as one that is, or by
/// whatever chain of memberships can become, standin_owner or a superuser.
bool mayRunUserCode(Oid role);

/// Throws Error 42501, which begins with `what`, if user code may not run as this role.
void requireUserRole(Oid role, const std::string& what);

/// Who is written down for what is done: the session's user; in a process of the product, which is nobody's session, the
/// role whose code asked for it.
std::string nameOfActor(Oid caller);

/// Test builds: each call of a function that is not the product's looks as whom it runs, each commit of the product's
/// processes as whom it commits.
void initUserCodeAssertion();

/// In the product's own processes user code cannot defer constraints: a worker makes them immediate when it has written a
/// table, under its role, and what a trigger deferred beyond that would run under the role of the next table.
void initDeferralGuard();

/// What a worker does itself before it writes a table: SET CONSTRAINTS ALL DEFERRED, with SPI connected.
void deferConstraints();

} // namespace standin::pg
