#include "standin/connector/wait_pg.h"

#include <algorithm>

#include "pg/guard.h"

namespace standin::core {

using std::chrono::milliseconds;

void waitForCalls(const std::vector<const Connector*>& calls, milliseconds atMost) {
    static const uint32_t waitEvent = pg::waitEventNew("StandinCoreCall");
    for (const Connector* call : calls)
        atMost = std::min(atMost, call->timeLeft());
    pg::call([&] {
        WaitEventSet* set = pg::waitEventSetNew(static_cast<int>(calls.size()) + 2);
        AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
        AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
        for (const Connector* call : calls)
            if (call->socket() >= 0)
                AddWaitEventToSet(set,
                                  call->waitsForWrite() ? WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE : WL_SOCKET_READABLE,
                                  call->socket(), nullptr, nullptr);
        WaitEvent event;
        WaitEventSetWait(set, static_cast<long>(atMost.count()), &event, 1, waitEvent);
        FreeWaitEventSet(set);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    });
}

const Answer& complete(Connector& connector) {
    while (!connector.advance())
        waitForCalls({&connector}, connector.timeLeft());
    return connector.answer();
}

} // namespace standin::core
