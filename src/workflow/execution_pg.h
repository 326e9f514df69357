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
    Execution(const kernel::Worker& worker, std::string id, int64_t token, int32_t recorded);
    ~Execution();
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    /// Null outside an executor.
    static Execution* current();

    const std::string id;
    const int64_t token;
    StepCursor cursor;
    bool insideHandler = false;

    /// Fails the workflow whatever its procedure does with the error: no step runs any more, no write of its own
    /// commits, and the executor records this error as the workflow's end. Returns it, to be thrown.
    const Error& mark(Error error);
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
