#include "workflow/step_log.h"

#include <cstdio>

#include "base/error.h"

namespace standin::workflow {

namespace {

std::string describe(const StepIdentity& step) {
    char hash[24];
    std::snprintf(hash, sizeof hash, "%llx", static_cast<unsigned long long>(step.inputHash));
    return step.kind + " " + std::to_string(step.seq) + " \"" + step.name + "\" with input " + hash;
}

constexpr const char* notInPrerequisiteState = "55000";

} // namespace

int64_t inputHash(std::string_view canonicalText) {
    uint64_t hash = 14695981039346656037ULL;
    for (const char byte : canonicalText) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 1099511628211ULL;
    }
    return hash == static_cast<uint64_t>(noInputHash) ? 1 : static_cast<int64_t>(hash);
}

void checkReplay(const StepIdentity& recorded, const StepIdentity& asked) {
    if (recorded.seq == asked.seq && recorded.kind == asked.kind && recorded.name == asked.name &&
        recorded.inputHash == asked.inputHash)
        return;
    throw Error(notInPrerequisiteState, "workflow does not repeat what it recorded",
                "Recorded: " + describe(recorded) + ". Now: " + describe(asked) + ".",
                "A workflow must take the same path to its recorded steps each time it runs: what is not deterministic "
                "belongs into a step. A loop over rows that its own steps change sees others after a crash: read the "
                "keys in a step first. standin.workflow_fork goes on from an earlier step.");
}

int32_t StepCursor::advance() {
    if (seq_ >= limit_)
        throw Error(
            "54000", "workflow has more than " + std::to_string(limit_) + " steps", {},
            "If it is no endless loop, raise step_limit by standin.workflow_define, and move the workflow to the "
            "new version by standin.workflow_migrate.");
    return ++seq_;
}

void StepCursor::finish() const {
    if (seq_ >= recorded_)
        return;
    throw Error(notInPrerequisiteState, "workflow does not repeat what it recorded",
                "Recorded: " + std::to_string(recorded_) + " steps. Now: the procedure ended after " +
                    std::to_string(seq_) + ".");
}

} // namespace standin::workflow
