#pragma once

#include <map>
#include <string>

namespace standin::pg {

// Settings are for those who connect. What the product does must not depend on what a database, a role or a session has
// set: a read-only default, a timeout, another form of dates.

/// How long a process of the product waits for a lock that a session may hold for as long as it likes. After that the
/// transaction fails with 55P03, its process says so and tries again.
inline constexpr const char* lockPatience = "3s";

/// Settings of the server as a process has them before it connects. Call `pin` once it has: what the database or the role
/// says is void then, and what must be as the product needs it is so, whatever the server says. RESET by code that runs
/// inside goes back to that.
class ServerSettings {
public:
    ServerSettings();
    void pin() const;

private:
    std::map<std::string, std::string> values_;
};

/// A setting of this process of the product alone, to which RESET goes back.
void pinSetting(const char* name, const char* value);

/// Until the innermost level of settings (OwnerScope, RoleScope) ends.
void setInScope(const char* name, const char* value);

/// Undoes what user code has SET in an earlier transaction of a process that has pinned its settings. Inside a
/// transaction.
void resetSettings();

/// The transaction that has just begun is the product's own: neither read-only nor at another isolation level because the
/// role or the database wishes that for its own ones. Before its first snapshot.
void beginAsOwn();

/// Begins a level of settings (for AtEOXact_GUC) in which they are as the product's statements are written for: the
/// search_path, the meaning of literals, dates and bytes as texts. Costs nothing where the session has them so.
int pinForms();

} // namespace standin::pg
