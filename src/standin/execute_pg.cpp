#include "standin/execute_pg.h"

#include <algorithm>

#include "kernel/crash_point.h"
#include "kernel/wake.h"
#include "pg/owner.h"
#include "pg/settings.h"
#include "standin/accept/operation_grant_pg.h"
#include "standin/connector/core_call_pg.h"
#include "standin/connector/wait_pg.h"
#include "standin/connector/witness_pg.h"
#include "standin/mode/mode_lock_pg.h"
#include "standin/mode/mode_pg.h"
#include "standin/outcome/outcome_pg.h"
#include "standin/outcome/sender_lock_pg.h"

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
    std::optional<CoreCall> call;
    std::optional<SenderLock> lock;
};

/// The connection comes before the intent: what is written as in flight can be sent. Who finds none in time, or no word
/// of the core's witness yet, leaves the transaction to the replay worker.
bool beginCall(Intent& intent, const std::string& core) {
    intent.config = loadCoreConfig(core);
    if (!witnessAgrees(intent.config))
        return false;
    intent.call = CoreCall::begin(intent.config);
    return intent.call.has_value();
}

Intent writeIntent(Submission& submission) {
    const pg::OwnerScope owner;
    Intent intent;
    submission.beginCall = [&] { return beginCall(intent, submission.core); };
    intent.acceptance = accept(submission);
    submission.beginCall = nullptr;
    if (intent.acceptance.toSend)
        intent.lock.emplace(intent.acceptance.ticket);
    return intent;
}

void tell(Acceptance& acceptance) {
    const Standing now = standing(acceptance.ticket);
    acceptance.status = now.status;
    acceptance.code = now.code;
    acceptance.message = now.message;
}

/// The connection is given back before the answer is written, which may wait for the account.
Answer ask(Intent& intent, const Request& request, bool& inquires) {
    Connector& connector = intent.call->connector(intent.config);
    connector.startPost(request, intent.config.callTimeout);
    Answer answer = complete(connector);
    inquires = connector.inquires();
    intent.call->settle();
    intent.call.reset();
    return answer;
}

void send(const Submission& submission, Intent& intent) {
    const Sending sending{intent.acceptance.ticket,
                          intent.acceptance.account,
                          CallKind::post,
                          {submission.operation, submission.key, intent.acceptance.payload}};
    SendingScope scope;
    STANDIN_CRASH_POINT("execute_before_send");
    bool inquires = false;
    const Answer answer = ask(intent, sending.request, inquires);
    STANDIN_CRASH_POINT("execute_before_outcome_commit");
    {
        const pg::OwnerScope owner;
        recordOutcome(intent.config, inquires, sending, answer);
        observeCall(intent.config.core, answer);
        tell(intent.acceptance);
    }
    commit();
    scope.settle();
}

} // namespace

Acceptance execute(Submission& submission) {
    const pg::Spi spi(pg::Nonatomic{});
    Intent intent = writeIntent(submission);
    commit();
    if (intent.acceptance.toSend) {
        pg::beginAsOwn(); // the answer must be written down, whatever the session's default is
        send(submission, intent);
    } else if (!intent.acceptance.first && intent.acceptance.status == "accepted") {
        const pg::OwnerScope owner;
        tell(intent.acceptance);
    }
    return intent.acceptance;
}

Acceptance wait(int64_t ticket, Oid caller, int64_t timeoutMicroseconds) {
    const auto until = steady_clock::now() + std::chrono::microseconds(std::max<int64_t>(timeoutMicroseconds, 0));
    const pg::Spi spi(pg::Nonatomic{});
    kernel::CommitWaiter waiter(kernel::Channel::ticket);
    Acceptance acceptance{.ticket = ticket, .status = {}, .code = {}, .message = {}, .account = {}, .payload = {}};
    while (true) {
        {
            const pg::OwnerScope owner;
            if (!mayAskAbout(ticket, caller)) // somebody else's is as if it were not there
                unknownTicket(ticket);
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
