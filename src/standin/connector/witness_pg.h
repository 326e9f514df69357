#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "kernel/worker.h"
#include "standin/connector/core_config_pg.h"

namespace standin::core {

/// Whether the core's witness agrees, since the server started and not long ago, that this is the newest copy of the
/// database; true where the core has none. Nothing is sent otherwise. Inside pg::OwnerScope with SPI connected.
bool witnessAgrees(const CoreConfig& config);

/// The prober's part: tells the core a new claim about once a second, each committed before the core hears of it.
class Witness {
public:
    using Call = std::function<Answer(const Mark&)>;

    explicit Witness(kernel::Worker& worker) : worker_(worker) {}

    bool due(const CoreConfig& config) const;
    /// Good if the core agrees; not, like a failed probe, if it cannot be heard. Nothing if another copy of this
    /// database spoke to it: then the instance guard refuses from now on.
    std::optional<Answer> ask(const CoreConfig& config, const Call& call);
    void forget() { agreedAt_.reset(); }

private:
    void makeClaim(const CoreConfig& config);

    kernel::Worker& worker_;
    Mark mark_;
    std::optional<std::chrono::steady_clock::time_point> agreedAt_;
};

} // namespace standin::core
