#pragma once

namespace standin::workflow {

/// Leaves nothing of one workflow in the session for the next: settings, role, temporary tables, prepared statements,
/// advisory locks, LISTEN. Like DISCARD ALL, except that plans are kept. Needs a transaction.
void resetSession();

} // namespace standin::workflow
