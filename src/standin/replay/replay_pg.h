#pragma once

namespace standin::kernel {
class Worker;
}

namespace standin::core {

/// Main of the workers of kind "replay": one for each core.
void replayMain(kernel::Worker& worker);
/// Main of the workers of kind "prober": one for each core.
void proberMain(kernel::Worker& worker);

} // namespace standin::core
