#pragma once

#include <cstdint>

namespace standin::core {

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

} // namespace standin::core
