#include "pg/guard.h"

namespace standin::pg {

void throwCaughtError(MemoryContext callersContext) {
    // Out of memory here would longjmp to the outer handler and skip the caller's destructors; PostgreSQL keeps a
    // reserve in ErrorContext for the report itself, and a small context comes from a free list, so that is as far as
    // this can go.
    MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pg_standin error", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(context);
    auto* held = static_cast<PgError::Held*>(palloc(sizeof(PgError::Held)));
    *held = {context, CopyErrorData(), 1};
    FlushErrorState();
    MemoryContextSwitchTo(callersContext);
    throw PgError(held);
}

namespace {

const char* copyText(const std::string& text) noexcept {
    if (text.empty())
        return nullptr;
    auto* copy = static_cast<char*>(
        MemoryContextAllocExtended(CurrentMemoryContext, text.size() + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE));
    if (copy)
        memcpy(copy, text.c_str(), text.size() + 1);
    return copy;
}

int packSqlstate(const std::string& code) noexcept {
    if (code.size() != 5)
        return ERRCODE_INTERNAL_ERROR;
    return MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
}

} // namespace

Failure Failure::fromCurrentException() noexcept {
    Failure failure;
    failure.sqlerrcode = ERRCODE_INTERNAL_ERROR;
    try {
        throw;
    } catch (PgError& error) {
        // The exception object dies with the catch block; the error must not. Its context is given to the current one,
        // which the abort of the surrounding (sub)transaction frees.
        failure.data = error.held_->data;
        ++error.held_->references;
        MemoryContextSetParent(error.held_->context, CurrentMemoryContext);
    } catch (const Error& error) {
        failure.sqlerrcode = packSqlstate(error.sqlstate());
        failure.message = copyText(error.what());
        failure.detail = copyText(error.detail());
        failure.hint = copyText(error.hint());
    } catch (const std::bad_alloc&) {
        failure.sqlerrcode = ERRCODE_OUT_OF_MEMORY;
        failure.message = "out of memory";
    } catch (const std::exception& error) {
        failure.message = copyText(error.what());
    } catch (...) {
        failure.message = "unknown C++ exception";
    }
    return failure;
}

void Failure::raise() const {
    if (data)
        ReThrowError(data);
    ereport(ERROR,
            (errcode(sqlerrcode), errmsg_internal("%s", message ? message : "out of memory while reporting an error"),
             detail ? errdetail_internal("%s", detail) : 0, hint ? errhint("%s", hint) : 0));
    pg_unreachable();
}

Subtransaction::Subtransaction() : context_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
    call([] { BeginInternalSubTransaction(nullptr); });
    MemoryContextSwitchTo(context_);
}

void Subtransaction::release() {
    call([] { ReleaseCurrentSubTransaction(); });
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
}

void Subtransaction::rollback() {
    call([] { RollbackAndReleaseCurrentSubTransaction(); });
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
}

} // namespace standin::pg
