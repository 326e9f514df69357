#include "pg/wait.h"

namespace standin::pg {

namespace {

WaitResult resultOf(int events) {
    if (events & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
        return WaitResult::Ready;
    return events & WL_LATCH_SET ? WaitResult::Latch : WaitResult::Timeout;
}

} // namespace

WaitResult waitSocket(int socket, bool forWrite, std::chrono::milliseconds timeout, uint32_t waitEvent) {
    const int events = call([=] {
        CHECK_FOR_INTERRUPTS();
        const int wakeOn =
            WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | (forWrite ? WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE);
        const int got = WaitLatchOrSocket(MyLatch, wakeOn, socket, timeout.count(), waitEvent);
        if (got & WL_LATCH_SET)
            ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        return got;
    });
    return resultOf(events);
}

WaitResult waitLatch(std::chrono::milliseconds timeout, uint32_t waitEvent) {
    const int events = call([=] {
        CHECK_FOR_INTERRUPTS();
        const int got = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, timeout.count(), waitEvent);
        if (got & WL_LATCH_SET)
            ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        return got;
    });
    return resultOf(events);
}

} // namespace standin::pg
