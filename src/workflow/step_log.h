#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace standin::workflow {

/// What a step is recognised by when a workflow is replayed.
struct StepIdentity {
    int32_t seq = 0;
    std::string name;
    int64_t inputHash = 0;
    std::string kind = "step"; ///< what was called
};

/// FNV-1a over the canonical text of the input; no input differs from any text. It tells a changed workflow from an
/// unchanged one, no adversary is meant.
int64_t inputHash(std::string_view canonicalText);
inline constexpr int64_t noInputHash = 0;

/// Throws standin::Error with both sides if `asked` is not what was recorded in its place.
void checkReplay(const StepIdentity& recorded, const StepIdentity& asked);

/// Counts the steps of one execution of a workflow against the steps its log already has.
class StepCursor {
public:
    explicit StepCursor(int32_t recorded, int32_t limit = INT32_MAX) : recorded_(recorded), limit_(limit) {}

    /// Moves to the next step. It is a replay if the log has it. Throws standin::Error beyond the limit.
    int32_t advance();
    int32_t seq() const { return seq_; }
    bool replaying() const { return seq_ <= recorded_; }

    /// Throws standin::Error if the workflow ended before it repeated every step that is recorded.
    void finish() const;

private:
    int32_t recorded_;
    int32_t limit_;
    int32_t seq_ = 0;
};

} // namespace standin::workflow
