#pragma once

#include <cstdio>
#include <cstdlib>

namespace standin {

/// Ends the process: what was believed of the state is wrong, and whatever comes next would build on it.
[[noreturn]] inline void assertionFailed(const char* what) noexcept {
    std::fputs(what, stderr);
    std::abort();
}

} // namespace standin

/// An invariant; checked in test builds only.
#ifdef STANDIN_ASSERTIONS
#define STANDIN_TEXT_OF(line) #line
#define STANDIN_LINE(line) STANDIN_TEXT_OF(line)
#define STANDIN_ASSERT(condition)                                                                                      \
    ((condition) ? static_cast<void>(0)                                                                                \
                 : ::standin::assertionFailed("pg_standin: not so: " #condition ", at " __FILE__                       \
                                              ":" STANDIN_LINE(__LINE__) "\n"))
#else
#define STANDIN_ASSERT(condition) static_cast<void>(sizeof(!(condition)))
#endif
