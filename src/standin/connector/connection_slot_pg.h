#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace standin::core {

/// A session's right to one connection to a core: there are so many of them for all sessions of the server. Lives in
/// shared memory, goes with its process, and is made anew after a crash.
class ConnectionSlot {
public:
    /// If all are taken, waits in a queue; serves interrupts. Nothing if the time is over.
    static std::optional<ConnectionSlot> take(const std::string& core, int maximum, std::chrono::milliseconds patience);

    ~ConnectionSlot();
    ConnectionSlot(ConnectionSlot&& other) noexcept : index_(other.index_) { other.index_ = -1; }
    ConnectionSlot(const ConnectionSlot&) = delete;
    ConnectionSlot& operator=(const ConnectionSlot&) = delete;

    /// Whether it may be kept between calls: nobody waits, and the other half of them is left to who calls now. An idle
    /// session cannot be asked to give back what it keeps.
    bool mayStay(int maximum) const;

private:
    explicit ConnectionSlot(int index) : index_(index) {}
    int index_;
};

void initConnectionSlots();

} // namespace standin::core
