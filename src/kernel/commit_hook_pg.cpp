#include "kernel/commit_hook.h"
#include "pg/guard.h"

namespace standin::kernel {

namespace {

constexpr size_t maxHooks = 16;

// Plain arrays: they are filled in the postmaster by _PG_init and inherited by every process.
void (*preCommitHooks[maxHooks])() = {};
void (*prePrepareHooks[maxHooks])() = {};
void (*endHooks[maxHooks])(TransactionEnd) noexcept = {};
void (*subtransactionHooks[maxHooks])(TransactionEnd, uint32_t, uint32_t) noexcept = {};

template <class Hook> void add(Hook (&hooks)[maxHooks], Hook hook) {
    for (Hook& place : hooks) {
        if (!place) {
            place = hook;
            return;
        }
    }
    throw Error("XX000", "too many transaction hooks");
}

void runAll(void (*const (&hooks)[maxHooks])()) {
    pg::entry([&] {
        for (auto* hook : hooks)
            if (hook)
                hook();
    });
}

void onTransactionEvent(XactEvent event, void*) {
    switch (event) {
    case XACT_EVENT_PRE_COMMIT:
        runAll(preCommitHooks);
        break;
    case XACT_EVENT_PRE_PREPARE:
        runAll(prePrepareHooks);
        break;
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_PREPARE:
    case XACT_EVENT_ABORT:
        for (auto* hook : endHooks)
            if (hook)
                hook(event == XACT_EVENT_COMMIT ? TransactionEnd::Commit : TransactionEnd::Abort);
        break;
    default:
        break;
    }
}

void onSubtransactionEvent(SubXactEvent event, SubTransactionId self, SubTransactionId parent, void*) {
    if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
        return;
    for (auto* hook : subtransactionHooks)
        if (hook)
            hook(event == SUBXACT_EVENT_COMMIT_SUB ? TransactionEnd::Commit : TransactionEnd::Abort, self, parent);
}

} // namespace

void onPreCommit(void (*hook)()) { add(preCommitHooks, hook); }
void onPrePrepare(void (*hook)()) { add(prePrepareHooks, hook); }
void onTransactionEnd(void (*hook)(TransactionEnd) noexcept) { add(endHooks, hook); }
void onSubtransactionEnd(void (*hook)(TransactionEnd, uint32_t, uint32_t) noexcept) { add(subtransactionHooks, hook); }

void initCommitHooks() {
    RegisterXactCallback(onTransactionEvent, nullptr);
    RegisterSubXactCallback(onSubtransactionEvent, nullptr);
}

} // namespace standin::kernel
