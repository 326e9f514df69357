#include <algorithm>

#include "base/paced.h"
#include "kernel/worker.h"
#include "pg/wait.h"
#include "standin/connector/core_config_pg.h"
#include "standin/connector/wait_pg.h"
#include "standin/connector/witness_pg.h"
#include "standin/mode/mode_pg.h"
#include "standin/reconcile/hold_release_pg.h"
#include "standin/replay/replay_pg.h"

namespace standin::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds blockedRetry{200}; // after 3 s of waiting for a lock

class Prober {
public:
    explicit Prober(kernel::Worker& worker) : worker_(worker), witness_(worker) {}

    void run() {
        while (!worker_.stopping()) {
            if (!worker_.unlessBlocked([&] { turn(); }))
                worker_.wait(blockedRetry);
        }
    }

private:
    void turn() {
        configure();
        const steady_clock::time_point begun = steady_clock::now();
        const bool suspicious = probe();
        if (releaseHolds())
            worker_.recovered();
        rest(begun + (suspicious ? std::max(config_.probeInterval / 4, milliseconds(10)) : config_.probeInterval));
    }

    void configure() {
        CoreConfig config = worker_.transaction([&] { return loadCoreConfig(worker_.key()); });
        if (connector_ && config == config_)
            return;
        config_ = std::move(config);
        connector_ = makeConnector(config_);
        witness_.forget();
    }

    bool probe() {
        std::optional<Answer> answer = call([&] { connector_->startProbe(config_.callTimeout); });
        if (answer->outcome == Outcome::posted && witness_.due(config_))
            answer = witness_.ask(config_, [&](const Mark& mark) {
                return call([&] { connector_->startWitness(mark, config_.callTimeout); });
            });
        if (worker_.stopping())
            return false;
        if (!answer) {
            worker_.setState("refused", "another copy of this database spoke to the core");
            return false;
        }
        return worker_.transaction([&] { return observe(*answer); });
    }

    /// One call's answer; what there is of it if the worker is to stop.
    template <class Start> Answer call(const Start& start) {
        if (config_.synchronous())
            return worker_.transactionAsIs([&] {
                const pg::Spi spi;
                start();
                return connector_->answer();
            });
        start();
        while (!connector_->advance() && !worker_.stopping())
            waitForCalls({connector_.get()}, connector_->timeLeft());
        return connector_->answer();
    }

    /// True while something is on its way from one mode to another.
    bool observe(const Answer& answer) {
        static pg::Statement unsettled("SELECT EXISTS (SELECT FROM standin_private.core_mode WHERE core = $1 AND mode "
                                       "IN ('suspect', 'recovering'))");
        const bool good = answer.outcome == Outcome::posted;
        observeCore(config_.core, good, good ? "" : answer.message);
        if (good)
            finishRecovery(config_.core);
        countBacklog();
        worker_.setState(good ? "core answers" : "core does not answer",
                         modeHolders(config_.core) + (good ? "" : answer.message));
        return unsettled.run(config_.core)[0].get<bool>(0);
    }

    /// What accepts compare with a high ceiling; below a thousand they count themselves. It may take a twentieth of the
    /// prober's time.
    void countBacklog() {
        static pg::Statement high("SELECT backlog_ceiling FROM standin_private.core WHERE core = $1 AND "
                                  "backlog_ceiling > 1000 AND EXISTS (SELECT FROM standin_private.core_mode m WHERE "
                                  "m.core = $1 AND m.mode IN ('stand_in', 'forced_stand_in', 'recovering'))");
        static pg::Statement count("SELECT count(*) FROM (SELECT FROM standin_private.pending_transaction"
                                   " WHERE core = $1 AND state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', "
                                   "'repair') LIMIT $2) queued",
                                   pg::Plan::ByIndex);
        static pg::Statement store(
            "UPDATE standin_private.core_mode m SET backlog = $2"
            "  FROM (SELECT core, capability FROM standin_private.core_mode WHERE core = $1 AND (backlog > 0 OR $2 > 0)"
            "           AND mode IN ('stand_in', 'forced_stand_in', 'recovering') FOR UPDATE SKIP LOCKED) free"
            " WHERE m.core = free.core AND m.capability = free.capability");
        const auto begun = Paced::Clock::now();
        if (!count_.due(begun))
            return;
        const pg::Rows ceiling = high.run(config_.core);
        if (ceiling.empty())
            return;
        const auto backlog = count.run(config_.core, ceiling[0].get<int64_t>(0))[0].get<int64_t>(0);
        count_.looked(begun, Paced::Clock::now());
        store.run(config_.core, backlog);
    }

    /// In a transaction of its own: the balance table is somebody else's, and may be locked or broken.
    bool releaseHolds() {
        try {
            worker_.transaction([&] { holds_.sweep(config_.core); });
            return true;
        } catch (const pg::PgError& error) {
            worker_.setErrorBeside(error.sqlstate(), error.what());
        } catch (const Error& error) {
            worker_.setErrorBeside(error.sqlstate(), error.what());
        }
        return false;
    }

    /// Until the next probe is due. The end of an idle connection is a message too: the core is gone, look at once.
    void rest(steady_clock::time_point due) {
        while (!worker_.stopping()) {
            const auto left = std::chrono::ceil<milliseconds>(due - steady_clock::now());
            if (left <= milliseconds(0))
                return;
            const int socket = connector_->socket();
            if (socket < 0) {
                worker_.wait(left);
                continue;
            }
            worker_.wait(left, {socket});
            if (readable(socket))
                return;
        }
    }

    static bool readable(int socket);

    kernel::Worker& worker_;
    CoreConfig config_;
    std::unique_ptr<Connector> connector_;
    Witness witness_;
    Paced count_{20};
    HoldRelease holds_;
};

bool Prober::readable(int socket) {
    static const uint32_t waitEvent = pg::waitEventNew("StandinProbe");
    return pg::waitSocket(socket, false, milliseconds(0), waitEvent) == pg::WaitResult::Ready;
}

} // namespace

void proberMain(kernel::Worker& worker) { Prober(worker).run(); }

} // namespace standin::core
