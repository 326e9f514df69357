#pragma once

namespace standin::workflow {

/// The executor's worker kind and the guard over commits inside workflows. Call from _PG_init.
void init();

} // namespace standin::workflow
