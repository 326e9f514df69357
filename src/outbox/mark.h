#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "kernel/commit_order.h"

namespace standin::outbox {

/// How far a relay is, as Kafka has it: a record of the mark topic, written in the Kafka transaction of what it speaks
/// of.
struct Mark {
    std::string system; ///< of the server that wrote it
    kernel::CommitPlace place{};
    std::string claim; ///< of the process that wrote it
    int64_t events = 0;
    std::string lsn;
    std::string at;

    std::string json() const;
    static std::optional<Mark> parse(std::string_view json);
    bool operator==(const Mark&) const = default;
};

std::string shown(const kernel::CommitPlace& place);

/// What this server knows of itself and the relay.
struct Here {
    std::string system;
    int32_t timeline = 0;
    kernel::CommitPlace sending{};        ///< nothing beyond it was ever sent from here
    kernel::CommitPlace sent{};           ///< Kafka has said that it is there
    bool claimKnown = false;              ///< that the mark names
    bool everMarked = false;              ///< since the last adoption
    std::optional<std::string> adopted{}; ///< the mark that was adopted last, empty: that there was none
};

struct Verdict {
    enum class Kind { GoOn, Fenced, Diverged };

    Kind kind = Kind::GoOn;
    kernel::CommitPlace from{}; ///< what is not above it is in Kafka
    std::string reason{};
};

/// May this server send, and from where? `mark`: the last one committed, if there is one.
Verdict judge(const std::optional<std::string>& mark, const Here& here);

} // namespace standin::outbox
