#pragma once

#include <optional>
#include <string>

#include "workflow/schedule/ticks.h"

namespace standin::workflow {

struct ScheduledStart {
    std::string role;
    std::string workflow;
    std::string id;
    std::optional<std::string> input; ///< jsonb
};

/// Starts the workflow as the role, with its rights and no others, as if it had called standin.workflow_start itself.
/// Inside pg::OwnerScope, with pg::Spi connected.
void startAs(const ScheduledStart& start);

} // namespace standin::workflow
