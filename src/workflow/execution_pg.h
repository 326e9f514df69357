#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>

#include "base/error.h"
#include "kernel/worker.h"
#include "workflow/step_log.h"

namespace standin::workflow {

/// The in-database workflow that this process is running: what `step` and the executor share. There is one at most,
/// since an executor runs one procedure at a time and a procedure cannot start another execution.
class Execution {
public:
    struct Claim {
        std::string id;
        int64_t token;
        int32_t recorded;
        int32_t stepLimit;
        std::optional<int32_t> waitSeq; ///< the step that was waiting, and until when it may
        std::optional<int64_t> waitUntil;
    };
    Execution(const kernel::Worker& worker, const Claim& claim);
    ~Execution();
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    /// Null outside an executor.
    static Execution* current();

    const Claim& claim;
    const std::string& id;
    const int64_t token;
    StepCursor cursor;
    bool insideHandler = false;
    std::optional<int32_t> compensates; ///< the step that is being undone

    /// The key of a call to the outside: the same on every attempt.
    std::string stepKey() const;

    /// How an execution ends besides by its procedure's end or error.
    enum class Departure {
        None,
        Suspended, ///< committed already: it waits, and holds nothing
        Lost,      ///< it was taken from this executor, or is to be taken again
        Blocked,   ///< by the mark; to be mended by a person
        Cancelled, ///< by the mark
        Failed,    ///< by an error that has had its retries, whatever its class
    };
    Departure departure() const { return departure_; }

    /// Fails the workflow whatever its procedure does with the error: no step runs any more, no write of its own
    /// commits, and the executor records this error as the workflow's end. Returns it, to be thrown.
    const Error& mark(Error error, Departure departure = Departure::None);
    /// Others have the workflow now.
    const Error& markLost();
    /// The same where only the kind of end is still to be told.
    void depart(Departure departure) { departure_ = departure; }
    const std::optional<Error>& marked() const { return mark_; }
    void throwIfMarked() const;

    /// Between two steps: where others wait for the executor's process, the workflow ends its turn, once it has a new
    /// step to show. It goes on after that step when the role has a process again.
    void throwIfTurnIsOver();

    /// Only the commits of `step` and of the executor may carry writes.
    class OwnCommit {
    public:
        explicit OwnCommit(Execution& execution) : execution_(execution) { execution_.ownCommit_ = true; }
        ~OwnCommit() { execution_.ownCommit_ = false; }
        OwnCommit(const OwnCommit&) = delete;
        OwnCommit& operator=(const OwnCommit&) = delete;

    private:
        Execution& execution_;
    };
    bool ownCommit() const { return ownCommit_; }

private:
    const kernel::Worker& worker_;
    std::optional<Error> mark_;
    Departure departure_ = Departure::None;
    bool ownCommit_ = false;
};

/// Registers the check of every commit inside an execution. Call from init().
void guardCommits();

/// An error in the parts that are kept: of a failed attempt, of a failed workflow.
struct ErrorText {
    std::string sqlstate;
    std::string message;
    std::optional<std::string> detail;
    std::optional<std::string> hint;
    std::optional<std::string> context;
};
ErrorText describe(const Error& error);
/// Of the exception that is being handled.
ErrorText describeCurrentException();

} // namespace standin::workflow
