#pragma once

#include <cstdint>

namespace standin::kernel {

enum class TransactionEnd { Commit, Abort };

/// Runs before each commit, after deferred triggers; an error aborts the transaction. Registered once, from X::init();
/// must return at once when the transaction is none of the room's business.
void onPreCommit(void (*hook)());

/// Runs before PREPARE TRANSACTION; an error refuses it.
void onPrePrepare(void (*hook)());

/// Runs after the end of each transaction. Too late for errors: must not throw, must not touch the database.
void onTransactionEnd(void (*hook)(TransactionEnd) noexcept);

/// Runs at the end of each subtransaction (a savepoint, a block with EXCEPTION): what it noted is now `parent`'s, or
/// has never been. Must not throw, must not touch the database.
void onSubtransactionEnd(void (*hook)(TransactionEnd, uint32_t self, uint32_t parent) noexcept);

void initCommitHooks();

} // namespace standin::kernel
