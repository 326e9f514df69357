#pragma once

#include <optional>
#include <utility>

#include "standin/connector/core_config_pg.h"

namespace standin::core {

/// A session's call to a core, over the connection that the session kept or one that it may open now. Whatever happens
/// to it, it leaves no connection that is not at rest.
class CoreCall {
public:
    /// Waits for a connection if all are taken, as long as a call may take; nothing if none became free.
    static std::optional<CoreCall> begin(const CoreConfig& config);

    ~CoreCall();
    CoreCall(CoreCall&& other) noexcept : line_(other.line_) { other.line_ = nullptr; }
    CoreCall(const CoreCall&) = delete;
    CoreCall& operator=(CoreCall&& other) noexcept {
        std::swap(line_, other.line_);
        return *this;
    }

    /// A connection made for other settings than these is replaced.
    Connector& connector(const CoreConfig& config);
    /// The call was answered: its connection may be kept.
    void settle();

private:
    struct Line;
    friend struct Lines;
    explicit CoreCall(Line* line) : line_(line) {}
    Line* line_;
};

} // namespace standin::core
