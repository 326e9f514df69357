#pragma once

#include <cstddef>

namespace standin::pg {

/// A piece of shared memory, one a module. Declared as a global with constant initialisation; requested from X::init(),
/// `get()` is valid in every process after start-up. T is a plain struct; `initialise` runs once under
/// AddinShmemInitLock.
struct SharedSegment {
    const char* name;
    size_t size;
    void (*initialise)(void* memory);
    void* memory = nullptr;
    SharedSegment* next = nullptr;
};

/// Call from _PG_init only.
void requestShared(SharedSegment& segment);

template <class T> class Shared {
public:
    constexpr Shared(const char* name, void (*initialise)(void*)) : segment_{name, sizeof(T), initialise} {}

    void request() { requestShared(segment_); }
    T* get() const { return static_cast<T*>(segment_.memory); }
    T* operator->() const { return get(); }

private:
    SharedSegment segment_;
};

} // namespace standin::pg
