#pragma once

#include <string>

namespace standin::kernel {

/// A line of the server's log when this transaction commits: what did not happen is not told. Never sent to the client.
void logAtCommit(std::string line);

void initLogLines();

} // namespace standin::kernel
