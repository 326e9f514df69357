#pragma once

#include <cstdint>

namespace standin::core {

/// This transaction decided something under `epoch` of a mode. Before its commit the mode's lock is taken shared and
/// the epoch is read again; a stale one fails with 40001. Until then nothing is locked, so that an idle transaction
/// never keeps a switch waiting.
void noteDecision(int32_t modeId, int64_t epoch);

/// This transaction changed a mode's row. Its commit takes the mode's lock exclusively, so that nothing decided under
/// the epoch before can still be on its way into the commit.
void noteSwitch(int32_t modeId);

/// Takes the mode's lock exclusively, now and until the end of the transaction: for who must see all that was decided.
void lockMode(int32_t modeId);

void initModeLock();

} // namespace standin::core
