#include "workflow/execution_pg.h"

#include "base/text.h"
#include "kernel/commit_hook.h"
#include "pg/guard.h"
#include "workflow/refusal.h"

namespace standin::workflow {

namespace {

Execution* currentExecution = nullptr;

void refuseForeignCommit() {
    Execution* execution = currentExecution;
    if (execution && !execution->ownCommit() && TransactionIdIsValid(GetTopTransactionIdIfAny()))
        throw execution->mark(refuseCommit());
}

std::optional<std::string> ifAny(const char* value) { return value ? std::optional(foreignText(value)) : std::nullopt; }

} // namespace

Execution::Execution(const kernel::Worker& worker, const Claim& claimed)
    : claim(claimed), id(claimed.id), token(claimed.token), cursor(claimed.recorded, claimed.stepLimit),
      worker_(worker) {
    currentExecution = this;
}

Execution::~Execution() { currentExecution = nullptr; }

Execution* Execution::current() { return currentExecution; }

std::string Execution::stepKey() const {
    return compensates ? id + ":" + std::to_string(*compensates) + ":compensation"
                       : id + ":" + std::to_string(cursor.seq());
}

const Error& Execution::mark(Error error, Departure departure) {
    if (!mark_) {
        mark_.emplace(std::move(error));
        departure_ = departure;
    }
    return *mark_;
}

const Error& Execution::markLost() {
    return mark(Error("55000", "workflow \"" + id + "\" is no longer held by this executor"), Departure::Lost);
}

void Execution::throwIfMarked() const {
    if (mark_)
        throw *mark_;
}

void Execution::throwIfTurnIsOver() {
    if (worker_.askedToLeave() && !cursor.replaying())
        throw mark(Error("40000", "the executor left its process to others",
                         "Workflow \"" + id + "\" goes on after step " + std::to_string(cursor.seq()) + "."));
}

void guardCommits() { kernel::onPreCommit(refuseForeignCommit); }

ErrorText describe(const Error& error) {
    const auto unlessEmpty = [](const std::string& value) {
        return value.empty() ? std::nullopt : std::optional(value);
    };
    return {error.sqlstate(), error.what(), unlessEmpty(error.detail()), unlessEmpty(error.hint()), std::nullopt};
}

ErrorText describeCurrentException() {
    try {
        throw;
    } catch (const pg::PgError& error) {
        const ErrorData& data = error.data();
        return {error.sqlstate(), foreignText(error.what()), ifAny(data.detail), ifAny(data.hint), ifAny(data.context)};
    } catch (const Error& error) {
        return describe(error);
    } catch (const std::bad_alloc&) {
        return describe(Error("53200", "out of memory"));
    } catch (const std::exception& error) {
        return describe(Error("XX000", error.what()));
    }
}

} // namespace standin::workflow
