#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cdc/event/identities.h"

namespace standin::cdc {

struct Event;

/// How far one partition is in the logs of the databases that its events come from. A connector that restarts sends
/// again, at new offsets, what it had sent before; such an event is seen by its place in the log and is no news.
///
/// Safe against loss: only what was surely seen is skipped. An event from before the mark whose time is later than all
/// that led to the mark comes from a source that was restored or replaced, whose log counts from a lower place.
class PositionMarks {
public:
    struct Mark {
        std::string origin;
        std::string position;
        int64_t micros = 0; ///< the latest time at the source up to the position
        /// Who was seen at exactly this position: one record of the log can be many events (COPY; a key change), and of
        /// Oracle a whole transaction has one.
        Identities seen;
        bool rewound = false; ///< something from before the mark came after it: the stream is being repeated
        bool changed = false;
    };

    enum class Verdict : uint8_t {
        New,
        Seen,
        Restored, ///< new; the mark went back to it
    };

    /// What is stored. Marks loaded are neither changed nor in doubt.
    void load(Mark mark);
    /// Judges an event, in the order of the stream, and takes note of it.
    Verdict judge(const Event& event);
    /// The batch did not commit: its events were never seen.
    void restart();
    /// The batch has committed.
    void keep();

    const std::vector<Mark>& marks() const { return marks_; }

private:
    Verdict judgeAtMark(Mark& mark, const Event& event);
    void doubt();
    static void moveTo(Mark& mark, std::string_view position, const Event& event);

    static constexpr size_t maxSeen = 65536; ///< beyond it events of one position are all taken for new
    static constexpr size_t maxOrigins = 64;
    std::vector<Mark> marks_;
    std::vector<Mark> kept_;
    bool touched_ = false;
};

} // namespace standin::cdc
