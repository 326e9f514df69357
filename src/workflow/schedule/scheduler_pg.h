#pragma once

namespace standin::workflow {

/// The worker kind "scheduler": one a database, which starts what schedules say when their ticks come.
void initScheduler();

} // namespace standin::workflow
