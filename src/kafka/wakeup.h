#pragma once

namespace standin::kafka {

/// A non-blocking pipe by which librdkafka's threads wake the one thread that talks to PostgreSQL.
class Wakeup {
public:
    Wakeup();
    ~Wakeup();
    Wakeup(const Wakeup&) = delete;
    Wakeup& operator=(const Wakeup&) = delete;

    int readEnd() const { return ends_[0]; }
    int writeEnd() const { return ends_[1]; }
    void drain();

private:
    int ends_[2];
};

/// Blocks every signal while librdkafka may start threads, so that none of them ever runs PostgreSQL's handlers.
class SignalMask {
public:
    SignalMask();
    ~SignalMask();
    SignalMask(const SignalMask&) = delete;
    SignalMask& operator=(const SignalMask&) = delete;

private:
    alignas(16) unsigned char saved_[128]; // sigset_t, kept out of the header
};

} // namespace standin::kafka
