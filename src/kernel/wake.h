#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace standin::kernel {

/// Who is woken when a transaction that announced work commits. Workers listen to the channel named like their kind;
/// `ticket` and `claim` are for client sessions that wait.
enum class Channel : uint8_t {
    supervisor,
    cdc,
    prober,
    replay,
    executor,
    outbox,
    ticket,
    claim,
    dispatcher,
    schedule,
    count
};

std::optional<Channel> channelByName(std::string_view name);

/// At the commit of this transaction, sets the latches of all who listen to the channel in this database. No NOTIFY:
/// its commit lock serialises the whole server. An abort wakes nobody, a hundred calls wake once.
void wakeAtCommit(Channel channel);

/// The same for the one worker that is connected as the role; where none is, the supervisor is woken to start it.
void wakeRoleAtCommit(Channel channel, unsigned role);

/// Wakes at once, for state that is not transactional.
void wakeNow(Channel channel);

/// A client session's place among those a commit wakes. Register first, look at the data next, then wait: whatever
/// commits after the look sets the latch.
class CommitWaiter {
public:
    explicit CommitWaiter(Channel channel);
    ~CommitWaiter();
    CommitWaiter(const CommitWaiter&) = delete;
    CommitWaiter& operator=(const CommitWaiter&) = delete;

    /// True when something committed (or may have), false when the time is over. Interrupts are served.
    bool wait(std::chrono::milliseconds timeout);

private:
    int slot_;
};

} // namespace standin::kernel
