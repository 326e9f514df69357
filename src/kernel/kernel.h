#pragma once

namespace standin::kernel {

/// Shared memory, settings, transaction callbacks, launcher. Before the init() of any room.
void init();

} // namespace standin::kernel
