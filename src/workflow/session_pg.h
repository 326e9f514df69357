#pragma once

#include "kernel/worker.h"

namespace standin::workflow {

/// Leaves nothing of one workflow in the session for the next: settings, role, temporary tables, prepared statements,
/// advisory locks, LISTEN. Like DISCARD ALL, except that plans are kept. Needs a transaction.
void resetSession();

/// A transaction as the product's owner, in a session that no procedure has left its mark on.
template <class F> auto ownTransaction(kernel::Worker& worker, F&& f) {
    worker.transactionAsIs(resetSession);
    return worker.transaction([&] {
        pg::setInScope("lock_timeout", pg::lockPatience);
        return f();
    });
}

} // namespace standin::workflow
