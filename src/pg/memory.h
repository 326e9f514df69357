#pragma once

#include <limits>
#include <new>

#include "pg/guard.h"

namespace standin::pg {

/// Makes a memory context current for a block.
class MemoryContextScope {
public:
    explicit MemoryContextScope(MemoryContext context) : previous_(MemoryContextSwitchTo(context)) {}
    ~MemoryContextScope() { MemoryContextSwitchTo(previous_); }
    MemoryContextScope(const MemoryContextScope&) = delete;
    MemoryContextScope& operator=(const MemoryContextScope&) = delete;

private:
    MemoryContext previous_;
};

/// A memory context of its own, deleted at the end of the block; `reset()` each turn of a loop.
class TemporaryContext {
public:
    explicit TemporaryContext(const char* name, MemoryContext parent = CurrentMemoryContext)
        : context_(call([=] { return AllocSetContextCreateInternal(parent, name, ALLOCSET_DEFAULT_SIZES); })) {}
    ~TemporaryContext() { MemoryContextDelete(context_); }
    TemporaryContext(const TemporaryContext&) = delete;
    TemporaryContext& operator=(const TemporaryContext&) = delete;

    void reset() { MemoryContextReset(context_); }
    operator MemoryContext() const { return context_; }

private:
    MemoryContext context_;
};

/// palloc behind a standard allocator, for Boost containers. It throws bad_alloc where palloc would longjmp.
template <class T> class Allocator {
public:
    using value_type = T;

    explicit Allocator(MemoryContext context = CurrentMemoryContext) noexcept : context_(context) {}
    template <class U> Allocator(const Allocator<U>& other) noexcept : context_(other.context()) {}

    T* allocate(std::size_t count) {
        if (count > std::numeric_limits<std::size_t>::max() / sizeof(T))
            throw std::bad_alloc();
        void* memory = MemoryContextAllocExtended(context_, count * sizeof(T), MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
        if (!memory)
            throw std::bad_alloc();
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t) noexcept { pfree(memory); }

    MemoryContext context() const noexcept { return context_; }
    template <class U> bool operator==(const Allocator<U>& other) const noexcept { return context_ == other.context(); }

private:
    MemoryContext context_;
};

} // namespace standin::pg
