#pragma once

#include <chrono>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "kernel/wake.h"
#include "pg/guard.h"
#include "pg/owner.h"
#include "pg/settings.h"
#include "pg/spi.h"

namespace standin::kernel {

/// Transactions of a background process. What the function throws aborts the transaction and is thrown on.
class Transactions {
public:
    /// Runs `f` in a transaction of its own as the product's owner, with SPI connected.
    template <class F> auto transaction(F&& f) {
        return inTransaction(pg::beginAsOwn, [&] {
            const pg::OwnerScope owner;
            const pg::Spi spi;
            return f();
        });
    }

    /// The same as whoever the process is connected as, without SPI.
    template <class F> auto transactionAsIs(F&& f) {
        return inTransaction([] {}, std::forward<F>(f));
    }

private:
    template <class Prepare, class F> auto inTransaction(Prepare&& prepare, F&& f) {
        begin(prepare);
        try {
            if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
                f();
                commit();
            } else {
                auto result = f();
                commit();
                return result;
            }
        } catch (...) {
            abort();
            throw;
        }
    }

    void begin(void (*prepare)());
    void commit();
    void abort();
};

/// What a room's worker sees of the kernel. One object a process, made by the kernel's worker main.
class Worker : public Transactions {
public:
    Worker(std::string kind, std::string key, int slot);

    const std::string& kind() const { return kind_; }
    const std::string& key() const { return key_; } ///< which one of its kind: a source, a core, a role

    /// SIGTERM came, or the supervisor wants this worker gone. Return from the worker's main soon.
    bool stopping() const;

    /// Others wait for this worker's process: return from its main at the next point where nothing is lost.
    bool askedToLeave() const;

    /// Sleeps until a commit announced work on the kind's channel, one of the descriptors is readable, the
    /// configuration was reloaded, the worker is to stop, or the time is over.
    void wait(std::chrono::milliseconds timeout, std::initializer_list<int> readable = {});

    /// Shows in standin.stat_worker, and in pg_stat_activity. That a worker cannot go on, and that it does again, are
    /// lines of the server's log.
    void setState(std::string_view state, std::string_view detail = {});
    /// Remembers an error that the worker survives.
    void setError(std::string_view sqlstate, std::string_view message);
    /// The same of what the worker does beside its main work, which goes on: a line of the log, too, once until it is
    /// over.
    void setErrorBeside(std::string_view sqlstate, std::string_view message);
    /// What failed last, in this process or in the one before, has been done: the error is over. Cheap if there is
    /// none.
    void recovered();
    /// How far that goes which the worker reads is known, and written down where others see it, as of now.
    void sawEnd();

    /// Runs `f`, one or more transactions. If one of them waited too long for a lock, the worker shows as blocked, and
    /// by whom, and false is returned: what the transaction did is undone, and to be tried again after a moment.
    template <class F> bool unlessBlocked(F&& f) {
        try {
            f();
        } catch (const pg::PgError& error) {
            if (!error.is(ERRCODE_LOCK_NOT_AVAILABLE))
                throw;
            showBlocked(holdersOf({}, ""));
            return false;
        }
        return true;
    }
    /// As lockHolders(), in a transaction of its own.
    std::string holdersOf(const std::vector<int64_t>& tables, const std::string& ownTables);
    /// The state of a worker that has waited for a lock for too long, as its error too.
    void showBlocked(const std::string& holders);

private:
    void logTrouble(std::string_view state, std::string_view detail);

    std::string kind_;
    std::string key_;
    int slot_;
    bool inTrouble_ = false;
    bool hasError_;
    uint32_t wakesSeen_;
};

using WorkerMain = void (*)(Worker& worker);

/// Who is served first when the server has fewer processes than are wanted. Only an executor leaves for others.
enum class Rank : uint8_t { prober, replay, capture, relay, dispatcher, supervisor, executor };

/// Call from X::init(). `kind` is at most 31 bytes. The worker is woken by commits that announced `channel`.
void registerWorkerKind(const char* kind, Channel channel, Rank rank, WorkerMain main);

/// Whether this database's worker has a process right now.
bool workerRuns(std::string_view kind, std::string_view key);

} // namespace standin::kernel
