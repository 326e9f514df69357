#pragma once

#include <string>

#include "kernel/worker.h"

namespace standin::outbox {

/// Why a relay cannot go on, and what helps: its worker's state, and whole in standin.stat_outbox.
class Trouble {
public:
    explicit Trouble(kernel::Worker& worker) : worker_(worker) {}

    void show(const char* state, const std::string& reason, const std::string& hint = {});
    /// It goes on.
    void over();

private:
    void note(const std::string& reason, const std::string& hint);

    kernel::Worker& worker_;
    std::string reason_ = "?"; ///< as it stands in the table; unknown at first
    std::string hint_;
};

} // namespace standin::outbox
