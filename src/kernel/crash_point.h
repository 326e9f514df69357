#pragma once

namespace standin::kernel {

/// Kills this process with SIGKILL if a test armed the point by name: standin_private.crash_point_arm(name, skip).
void crashPoint(const char* name);

void initCrashPoints();

} // namespace standin::kernel

#ifdef STANDIN_ASSERTIONS
#define STANDIN_CRASH_POINT(name) standin::kernel::crashPoint(name)
#else
#define STANDIN_CRASH_POINT(name) ((void)0)
#endif
