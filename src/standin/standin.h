#pragma once

namespace standin::core {

/// Stand-in's part of _PG_init: worker kinds, hooks, the confirmer of change events.
void init();

} // namespace standin::core
