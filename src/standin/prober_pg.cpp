#include <algorithm>

#include "kernel/worker.h"
#include "pg/wait.h"
#include "standin/conversation_pg.h"
#include "standin/core_config_pg.h"
#include "standin/mode_pg.h"
#include "standin/replay_pg.h"

namespace standin::core {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Prober {
public:
    explicit Prober(kernel::Worker& worker) : worker_(worker) {}

    void run() {
        while (!worker_.stopping()) {
            configure();
            const steady_clock::time_point begun = steady_clock::now();
            const bool suspicious = config_.synchronous() ? probeInTransaction() : probe();
            rest(begun + (suspicious ? std::max(config_.probeInterval / 4, milliseconds(10)) : config_.probeInterval));
        }
    }

private:
    void configure() {
        CoreConfig config = worker_.transaction([&] { return loadCoreConfig(worker_.key()); });
        if (connector_ && config == config_)
            return;
        config_ = std::move(config);
        connector_ = makeConnector(config_);
    }

    bool probe() {
        connector_->startProbe(config_.callTimeout);
        while (!connector_->advance()) {
            if (worker_.stopping())
                return false;
            waitForCalls({connector_.get()}, connector_->timeLeft());
        }
        return worker_.transaction([&] { return observe(connector_->answer()); });
    }

    bool probeInTransaction() {
        return worker_.transactionAsIs([&] {
            const pg::Spi spi;
            connector_->startProbe(config_.callTimeout);
            const pg::OwnerScope owner;
            return observe(connector_->answer());
        });
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
        worker_.setState(good ? "core answers" : "core does not answer", good ? "" : answer.message);
        return unsettled.run(config_.core)[0].get<bool>(0);
    }

    /// What accepts compare with a high ceiling; below a thousand they count themselves.
    void countBacklog() {
        static pg::Statement count("UPDATE standin_private.core_mode m SET backlog = q.backlog FROM ("
                                   "   SELECT c.core, (SELECT count(*) FROM (SELECT FROM "
                                   "standin_private.pending_transaction p WHERE p.core = c.core"
                                   "       AND p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair') "
                                   "LIMIT c.backlog_ceiling) l) AS backlog"
                                   "     FROM standin_private.core c WHERE c.core = $1 AND c.backlog_ceiling > 1000) q"
                                   " WHERE m.core = q.core AND m.mode IN ('stand_in', 'forced_stand_in', 'recovering') "
                                   "AND m.backlog <> q.backlog");
        count.run(config_.core);
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
};

bool Prober::readable(int socket) {
    static const uint32_t waitEvent = pg::waitEventNew("StandinProbe");
    return pg::waitSocket(socket, false, milliseconds(0), waitEvent) == pg::WaitResult::Ready;
}

} // namespace

void proberMain(kernel::Worker& worker) { Prober(worker).run(); }

} // namespace standin::core
