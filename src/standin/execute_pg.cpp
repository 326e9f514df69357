#include "standin/execute_pg.h"

#include <algorithm>

#include "kernel/crash_point.h"
#include "kernel/instance.h"
#include "kernel/wake.h"
#include "pg/owner.h"
#include "standin/conversation_pg.h"
#include "standin/mode_lock_pg.h"
#include "standin/mode_pg.h"
#include "standin/outcome_pg.h"

namespace standin::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Ends the transaction and begins the next, with no snapshot held until it needs one.
void commit() {
    pg::call([] { SPI_commit(); });
}

bool sendingNow = false;

// A session that is terminated in the middle of a call runs no destructor; the replay worker then looks for what it
// left.
void announceOrphan(int, Datum) {
    if (sendingNow)
        kernel::wakeNow(kernel::Channel::replay);
}

/// While it lives, this session has a transaction in flight that nobody else would notice if it went away.
class SendingScope {
public:
    SendingScope() {
        static bool registered = false;
        if (!registered)
            pg::call([] { before_shmem_exit(announceOrphan, 0); });
        registered = true;
        sendingNow = true;
    }
    ~SendingScope() {
        sendingNow = false;
        if (!settled_)
            kernel::wakeNow(kernel::Channel::replay);
    }
    SendingScope(const SendingScope&) = delete;
    SendingScope& operator=(const SendingScope&) = delete;
    void settle() { settled_ = true; }

private:
    bool settled_ = false;
};

struct Intent {
    Acceptance acceptance;
    CoreConfig config;
    std::optional<SenderLock> lock;
};

Intent writeIntent(const Submission& submission) {
    const pg::OwnerScope owner;
    Intent intent;
    intent.acceptance = accept(submission);
    if (intent.acceptance.toSend) {
        kernel::requireInstance();
        intent.config = loadCoreConfig(submission.core);
        intent.lock.emplace(intent.acceptance.ticket);
    }
    return intent;
}

void tell(Acceptance& acceptance) {
    const Standing now = standing(acceptance.ticket);
    acceptance.status = now.status;
    acceptance.code = now.code;
    acceptance.message = now.message;
}

void send(const Submission& submission, Intent& intent) {
    const Sending sending{intent.acceptance.ticket,
                          intent.acceptance.account,
                          CallKind::post,
                          {submission.operation, submission.key, intent.acceptance.payload}};
    const std::unique_ptr<Connector> connector = makeConnector(intent.config);
    SendingScope scope;
    STANDIN_CRASH_POINT("execute_before_send");
    connector->startPost(sending.request, intent.config.callTimeout);
    const Answer answer = complete(*connector);
    STANDIN_CRASH_POINT("execute_before_outcome_commit");
    {
        const pg::OwnerScope owner;
        recordOutcome(intent.config, connector->inquires(), sending, answer);
        if (answer.coreFault)
            observeCore(intent.config.core, false, answer.message);
        tell(intent.acceptance);
    }
    commit();
    scope.settle();
}

} // namespace

Acceptance execute(const Submission& submission) {
    const pg::Spi spi(pg::Nonatomic{});
    Intent intent = writeIntent(submission);
    commit();
    if (intent.acceptance.toSend) {
        send(submission, intent);
    } else if (!intent.acceptance.first && intent.acceptance.status == "accepted") {
        const pg::OwnerScope owner;
        tell(intent.acceptance);
    }
    return intent.acceptance;
}

Acceptance wait(int64_t ticket, int64_t timeoutMicroseconds) {
    const auto until = steady_clock::now() + std::chrono::microseconds(std::max<int64_t>(timeoutMicroseconds, 0));
    const pg::Spi spi(pg::Nonatomic{});
    kernel::CommitWaiter waiter(kernel::Channel::ticket);
    Acceptance acceptance{.ticket = ticket, .status = {}, .code = {}, .message = {}, .account = {}, .payload = {}};
    while (true) {
        {
            const pg::OwnerScope owner;
            const Standing now = standing(ticket);
            acceptance.status = now.status;
            acceptance.code = now.code;
            acceptance.message = now.message;
            if (!queued(now.state) || now.state == State::repair)
                return acceptance;
        }
        commit();
        const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
        if (left <= milliseconds(0))
            return acceptance;
        waiter.wait(left);
    }
}

} // namespace standin::core
