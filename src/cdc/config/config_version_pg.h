#pragma once

#include <string>

#include "base/error.h"

namespace standin::cdc {

/// Somebody changed what the source is, and committed: the batch is to be applied by what it is now.
class VersionChanged : public Error {
public:
    VersionChanged() : Error("40001", "the source was changed while the batch was applied") {}
};

/// This process is a worker of a source: what it changes of a source, as it makes a planned table, does not make a
/// version, else it could never commit it. That goes for what triggers of its targets call as well.
void enterWorker();

/// The last thing in each transaction that applied records of the source by what `version` of it says: throws
/// VersionChanged if that is not how it is any more, and keeps it so until the commit.
void requireVersion(const std::string& source, int64_t version);

} // namespace standin::cdc
