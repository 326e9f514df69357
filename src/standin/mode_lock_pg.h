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

/// Held by whoever is sending a transaction to a core, from before the commit that says so until its outcome is
/// recorded. It dies with its process: a transaction that is in flight without this lock has lost its sender.
class SenderLock {
public:
    explicit SenderLock(int64_t ticket);
    ~SenderLock();
    SenderLock(SenderLock&& other) noexcept : ticket_(other.ticket_) { other.ticket_ = 0; }
    SenderLock(const SenderLock&) = delete;
    SenderLock& operator=(const SenderLock&) = delete;

    /// False while somebody is sending the ticket. Leaves no lock behind but that of the present transaction.
    static bool nobodySends(int64_t ticket);

private:
    int64_t ticket_;
};

void initModeLock();

} // namespace standin::core
