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
#include "pg/spi.h"

namespace standin::kernel {

/// Transactions of a background process. What the function throws aborts the transaction and is thrown on.
class Transactions {
public:
    /// Runs `f` in a transaction of its own as the product's owner, with SPI connected.
    template <class F> auto transaction(F&& f) {
        return transactionAsIs([&] {
            const pg::OwnerScope owner;
            const pg::Spi spi;
            return f();
        });
    }

    /// The same as whoever the process is connected as, without SPI.
    template <class F> auto transactionAsIs(F&& f) {
        begin();
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

private:
    void begin();
    void commit();
    void abort();
};

/// What a room's worker sees of the kernel. One object a process, made by the kernel's worker main.
class Worker : public Transactions {
public:
    Worker(std::string kind, std::string key, int slot) : kind_(std::move(kind)), key_(std::move(key)), slot_(slot) {}

    const std::string& kind() const { return kind_; }
    const std::string& key() const { return key_; } ///< which one of its kind: a source, a core, a role

    /// SIGTERM came, or the supervisor wants this worker gone. Return from the worker's main soon.
    bool stopping() const;

    /// Sleeps until a commit announced work on the kind's channel, one of the descriptors is readable, the
    /// configuration was reloaded, the worker is to stop, or the time is over.
    void wait(std::chrono::milliseconds timeout, std::initializer_list<int> readable = {});

    /// Shows in standin.stat_worker, and in pg_stat_activity.
    void setState(std::string_view state, std::string_view detail = {});
    /// Remembers an error that the worker survives.
    void setError(std::string_view sqlstate, std::string_view message);

private:
    std::string kind_;
    std::string key_;
    int slot_;
};

using WorkerMain = void (*)(Worker& worker);

/// Call from X::init(). `kind` is at most 31 bytes. The worker is woken by commits that announced `channel`.
void registerWorkerKind(const char* kind, Channel channel, WorkerMain main);

} // namespace standin::kernel
