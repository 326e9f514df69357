#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace standin::core {

enum class Outcome {
    posted,       ///< the core booked it
    rejected,     ///< the core refused it for good
    notFound,     ///< an inquiry: the core does not know the key
    notDelivered, ///< it is certain that nothing was booked
    unknown       ///< it may or may not have been booked
};

const char* name(Outcome outcome);

struct Answer {
    Outcome outcome = Outcome::unknown;
    std::string reference{};
    std::string message{};
    bool coreFault = false; ///< the core could not be reached or did not answer: as good as a failed probe
    bool busy = false;      ///< not delivered, since the core takes no more connections: no fault, and no attempt
};

struct Request {
    std::string operation{};
    std::string key{};
    std::string payload{};
};

/// What the core's witness is told: the newest claim of all copies of this database, to stand in place of the one that
/// it follows.
struct Mark {
    std::string instance{};
    std::string claim{};
    std::string follows{};
};

/// One conversation with a core at a time. `start*` begins a call and never waits; `advance` moves it on and is true
/// once `answer()` is complete. Between the two the caller waits for `socket()`. A connector without a socket answers
/// at once. Failures of the core are answers, not exceptions. What was sent and not answered is `unknown`, never
/// `notDelivered`.
class Connector {
public:
    virtual ~Connector() = default;

    virtual void startPost(const Request& request, std::chrono::milliseconds timeout) = 0;
    virtual void startInquire(const Request& request, std::chrono::milliseconds timeout) = 0;
    virtual void startProbe(std::chrono::milliseconds timeout) = 0;
    /// Its answer's reference is the claim that stands then.
    virtual void startWitness(const Mark& mark, std::chrono::milliseconds timeout) = 0;
    virtual bool advance() = 0;
    virtual const Answer& answer() const = 0;

    virtual int socket() const { return -1; }
    virtual bool waitsForWrite() const { return false; }
    virtual std::chrono::milliseconds timeLeft() const { return std::chrono::milliseconds(0); }
    virtual bool inquires() const = 0; ///< whether the core can be asked about a key
};

} // namespace standin::core
