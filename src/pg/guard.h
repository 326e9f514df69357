#pragma once

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "pg/postgres.h"

namespace standin::pg {

/// A PostgreSQL error on its way through C++ frames, carrying the whole ErrorData. The ErrorData lives in a memory
/// context of its own, so that it survives the reset of whatever context was current, and is handed over without a
/// copy.
class PgError : public std::exception {
public:
    struct Held {
        MemoryContext context;
        ErrorData* data;
        int references;
    };

    /// Takes over `held`, which lives in its own context with one reference.
    explicit PgError(Held* held) noexcept : held_(held) {}
    PgError(const PgError& other) noexcept : std::exception(other), held_(other.held_) { ++held_->references; }
    PgError& operator=(const PgError&) = delete;
    ~PgError() override {
        if (--held_->references == 0)
            MemoryContextDelete(held_->context);
    }

    const char* what() const noexcept override { return data().message ? data().message : "missing error text"; }
    std::string sqlstate() const { return unpack_sql_state(data().sqlerrcode); }
    bool is(int sqlerrcode) const noexcept { return data().sqlerrcode == sqlerrcode; }
    const ErrorData& data() const noexcept { return *held_->data; }

private:
    friend struct Failure;
    Held* held_;
};

/// Converts the error on top of PostgreSQL's error stack into a PgError.
[[noreturn]] void throwCaughtError(MemoryContext callersContext);

/// C++ -> PostgreSQL: runs code that may ereport(ERROR); the longjmp becomes a PgError. The guard must sit deeper than
/// the objects it protects: `f` may hold only trivially destructible locals, because a longjmp skips them.
template <class F> auto call(F&& f) -> std::invoke_result_t<F> {
    using Result = std::invoke_result_t<F>;
    static_assert(std::is_void_v<Result> || std::is_trivially_copyable_v<Result>,
                  "a longjmp would skip its destructor");

    struct Restore {
        sigjmp_buf* exceptionStack = PG_exception_stack;
        ErrorContextCallback* contextStack = error_context_stack;
        ~Restore() {
            PG_exception_stack = exceptionStack;
            error_context_stack = contextStack;
        }
    };
    const MemoryContext callersContext = CurrentMemoryContext;
    const Restore restore;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        return f();
    }
    PG_exception_stack = restore.exceptionStack;
    error_context_stack = restore.contextStack;
    throwCaughtError(callersContext);
}

/// What went wrong in C++, in plain memory: it outlives the catch block, after which it is safe to ereport.
struct Failure {
    ErrorData* data = nullptr;
    int sqlerrcode = 0;
    const char* message = nullptr;
    const char* detail = nullptr;
    const char* hint = nullptr;

    /// Call inside a catch block only. Never ereports, never throws.
    static Failure fromCurrentException() noexcept;
    [[noreturn]] void raise() const;
};

/// PostgreSQL -> C++: nothing thrown by `f` escapes as an exception, all of it becomes ereport(ERROR).
template <class F> auto entry(F&& f) -> std::invoke_result_t<F> {
    sigjmp_buf* const exceptionStack = PG_exception_stack;
    ErrorContextCallback* const contextStack = error_context_stack;
    Failure failure;
    try {
        return f();
    } catch (...) {
        failure = Failure::fromCurrentException();
    }
    PG_exception_stack = exceptionStack;
    error_context_stack = contextStack;
    failure.raise();
}

/// Runs `f` in a subtransaction; whatever it throws rolls the subtransaction back and is thrown on.
template <class F> auto inSubtransaction(F&& f) -> std::invoke_result_t<F>;

class Subtransaction {
public:
    Subtransaction();
    void release();
    void rollback();

private:
    MemoryContext context_;
    ResourceOwner owner_;
};

template <class F> auto inSubtransaction(F&& f) -> std::invoke_result_t<F> {
    Subtransaction subtransaction;
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
            f();
            subtransaction.release();
        } else {
            auto result = f();
            subtransaction.release();
            return result;
        }
    } catch (...) {
        subtransaction.rollback();
        throw;
    }
}

} // namespace standin::pg

/// Declares an SQL entry point: STANDIN_FUNCTION(name) { ... return Datum; } with `fcinfo` in scope.
/// The explicit PGDLLEXPORT is for PostgreSQL 15, whose PG_FUNCTION_INFO_V1 does not export the function itself.
#define STANDIN_FUNCTION(name)                                                                                         \
    static Datum name##_body(FunctionCallInfo fcinfo);                                                                 \
    extern "C" {                                                                                                       \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                                          \
    PG_FUNCTION_INFO_V1(name);                                                                                         \
    Datum name(PG_FUNCTION_ARGS) {                                                                                     \
        return standin::pg::entry([fcinfo] { return name##_body(fcinfo); });                                           \
    }                                                                                                                  \
    }                                                                                                                  \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
