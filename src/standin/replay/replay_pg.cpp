#include "standin/replay/replay_pg.h"

#include <algorithm>
#include <list>

#include "kernel/crash_point.h"
#include "kernel/instance.h"
#include "kernel/worker.h"
#include "standin/connector/wait_pg.h"
#include "standin/connector/witness_pg.h"
#include "standin/mode/mode_pg.h"
#include "standin/reconcile/confirm_pg.h"
#include "standin/replay/queue_pg.h"
#include "standin/replay/token_bucket.h"

namespace standin::core {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds longSleep{60000};
constexpr milliseconds blockedRetry{200};  // after 3 s of waiting for a lock
constexpr milliseconds lockedRetry{25};    // while a session holds the account of an answer, whose end nobody announces
constexpr milliseconds witnessRetry{1000}; // whose first word wakes us, but not one after a long silence
constexpr milliseconds confirmationRetry{100}; // while sessions hold the accounts of confirmations

/// One conversation with the core and what it is about.
struct Line {
    std::unique_ptr<Connector> connector;
    std::optional<Claim> claim;
};

/// What the core answered and is not written yet.
struct Heard {
    Claim claim;
    Answer answer;
    bool written = false;
};

class Replay {
public:
    explicit Replay(kernel::Worker& worker) : worker_(worker) {}

    void run() {
        while (!worker_.stopping()) {
            milliseconds sleep = blockedRetry;
            const bool goesOn = worker_.unlessBlocked([&] { sleep = turn(); });
            if (goesOn)
                worker_.recovered();
            if (busy()) {
                talk();
            } else if (sleep > milliseconds(0)) {
                if (goesOn)
                    worker_.setState("waiting");
                worker_.wait(sleep);
            }
        }
    }

private:
    bool busy() const {
        return std::any_of(lines_.begin(), lines_.end(), [](const Line& line) { return line.claim.has_value(); });
    }

    std::vector<int64_t> heldTickets() const {
        std::vector<int64_t> tickets;
        for (const Line& line : lines_)
            if (line.claim)
                tickets.push_back(line.claim->sending.ticket);
        for (const Heard& heard : heard_)
            tickets.push_back(heard.claim.sending.ticket);
        return tickets;
    }

    void configure() {
        CoreConfig config = worker_.transaction([&] { return loadCoreConfig(worker_.key()); });
        if (config == config_ && !lines_.empty())
            return;
        config_ = std::move(config);
        lines_.clear();
        for (int i = 0; i < config_.connections; ++i) {
            lines_.emplace_back();
            lines_.back().connector = makeConnector(config_);
        }
        inquires_ = lines_.front().connector->inquires();
    }

    /// One transaction: the answers that came in are written, and the next calls are taken and committed as in flight.
    /// Returns how long there is nothing to do.
    milliseconds turn() {
        if (!busy())
            configure();
        const auto free = std::count_if(lines_.begin(), lines_.end(), [](const Line& line) { return !line.claim; });
        if (free == 0 && heard_.empty())
            return milliseconds(0);
        const int granted = bucket_.take(static_cast<int>(free), config_.replayRate, TokenBucket::Time::clock::now());
        Claimed claimed;
        try {
            STANDIN_CRASH_POINT("replay_before_outcome_commit");
            claimed = worker_.transaction([&] {
                writeAnswers();
                return claim(granted);
            });
        } catch (const Error& error) {
            if (error.sqlstate() == "40001")
                return again(granted);
            throw;
        } catch (const pg::PgError& error) {
            if (error.sqlstate() == "40001" || error.sqlstate() == "40P01")
                return again(granted);
            throw;
        }
        const auto written = std::erase_if(heard_, [](const Heard& heard) { return heard.written; });
        bucket_.giveBack(granted - static_cast<int>(claimed.claims.size()));
        begin(claimed);
        if (written != 0 || claimed.more || !claimed.claims.empty())
            return granted == 0 ? milliseconds(10) : milliseconds(0);
        if (!heard_.empty())
            return lockedRetry;
        if (granted == 0)
            return milliseconds(10);
        return std::min(longSleep, claimed.lookAgain.value_or(longSleep));
    }

    /// A mode changed, or a deadlock was broken, in the middle: the transaction is gone, the answers are still here.
    milliseconds again(int granted) {
        bucket_.giveBack(granted);
        return milliseconds(1);
    }

    /// An account that another session has locked, perhaps one that idles in its transaction, holds up its own answer
    /// only.
    void writeAnswers() {
        // Rows of several accounts are always locked in this order.
        heard_.sort([](const Heard& left, const Heard& right) {
            return left.claim.sending.account < right.claim.sending.account;
        });
        const Answer* fault = nullptr;
        for (Heard& heard : heard_) {
            heard.written = lockAccountNow(config_.core, heard.claim.sending.account);
            if (!heard.written)
                continue;
            recordOutcome(config_, inquires_, heard.claim.sending, heard.answer);
            if (heard.answer.coreFault)
                fault = &heard.answer;
        }
        if (fault) // a failed live call is a failed probe; several at once are one
            observeCore(config_.core, false, fault->message);
    }

    Claimed claim(int limit) {
        static pg::Statement sending("SELECT EXISTS (SELECT FROM standin_private.core_mode WHERE core = $1"
                                     "               AND mode NOT IN ('stand_in', 'forced_stand_in'))");
        Claimed claimed;
        const bool confirmationsWait = !confirmations_.settle(config_.core);
        if (!sending.run(config_.core)[0].get<bool>(0)) {
            queue_.adoptOrphans(config_, heldTickets(), claimed);
        } else if (limit > 0) {
            if (auto refusal = kernel::instanceRefusal())
                throw Error("55000", "the core is not spoken to from this server", *refusal);
            if (witnessAgrees(config_))
                claimed = queue_.claim(config_, inquires_, {limit, roomForAgain()}, heldTickets());
            else
                claimed.lookAgainIn(witnessRetry);
        }
        if (confirmationsWait)
            claimed.lookAgainIn(confirmationRetry);
        if (claimed.claims.empty() && !claimed.more && !busy())
            finishRecovery(config_.core);
        return claimed;
    }

    /// Of the connections, those that may carry what was sent before.
    int roomForAgain() const {
        const auto taken = std::count_if(lines_.begin(), lines_.end(),
                                         [](const Line& line) { return line.claim && line.claim->again; });
        return std::max(1, config_.connections / 2) - static_cast<int>(taken);
    }

    void begin(Claimed& claimed) {
        if (claimed.claims.empty())
            return;
        worker_.setState("sending");
        STANDIN_CRASH_POINT("replay_before_send");
        auto next = claimed.claims.begin();
        for (Line& line : lines_) {
            if (line.claim || next == claimed.claims.end())
                continue;
            line.claim.emplace(std::move(*next++));
            if (config_.synchronous())
                callInTransaction(line);
            else
                start(line);
        }
        STANDIN_CRASH_POINT("replay_after_send");
    }

    void start(Line& line) {
        const Sending& sending = line.claim->sending;
        if (sending.kind == CallKind::post)
            line.connector->startPost(sending.request, config_.callTimeout);
        else
            line.connector->startInquire(sending.request, config_.callTimeout);
    }

    /// A function's effects and the record of its answer commit together.
    void callInTransaction(Line& line) {
        worker_.transactionAsIs([&] {
            const pg::Spi spi;
            {
                const pg::OwnerScope owner;
                if (!lockAccountNow(config_.core, line.claim->sending.account)) {
                    putBack(line.claim->sending);
                    return;
                }
            }
            start(line);
            STANDIN_CRASH_POINT("replay_function_called");
            const pg::OwnerScope owner;
            recordOutcome(config_, inquires_, line.claim->sending, line.connector->answer());
            if (line.connector->answer().coreFault)
                observeCore(config_.core, false, line.connector->answer().message);
        });
        line.claim.reset();
    }

    /// Until at least one call is answered, or it is time to try again to write an earlier answer.
    void talk() {
        const milliseconds patience = heard_.empty() ? longSleep : lockedRetry;
        const size_t before = heard_.size();
        while (!worker_.stopping()) {
            std::vector<const Connector*> waiting;
            for (Line& line : lines_) {
                if (!line.claim)
                    continue;
                if (line.connector->advance()) {
                    heard_.push_back({std::move(*line.claim), line.connector->answer()});
                    line.claim.reset();
                } else {
                    waiting.push_back(line.connector.get());
                }
            }
            if (heard_.size() != before || waiting.empty())
                return;
            waitForCalls(waiting, patience);
            if (before != 0)
                return;
        }
    }

    kernel::Worker& worker_;
    CoreConfig config_;
    bool inquires_ = false;
    std::vector<Line> lines_;
    std::list<Heard> heard_; // a claim's lock stays where it is
    TokenBucket bucket_;
    Queue queue_;
    Confirmations confirmations_;
};

} // namespace

void replayMain(kernel::Worker& worker) { Replay(worker).run(); }

} // namespace standin::core
