#include "kafka/wakeup.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "base/error.h"

namespace standin::kafka {

Wakeup::Wakeup() {
    if (pipe2(ends_, O_NONBLOCK | O_CLOEXEC) != 0)
        throw Error("53000", std::string("could not create a pipe: ") + strerror(errno));
}

Wakeup::~Wakeup() {
    close(ends_[0]);
    close(ends_[1]);
}

void Wakeup::drain() {
    char sink[256];
    while (read(ends_[0], sink, sizeof(sink)) == static_cast<ssize_t>(sizeof(sink)))
        ;
}

SignalMask::SignalMask() {
    static_assert(sizeof(sigset_t) <= sizeof(saved_));
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, reinterpret_cast<sigset_t*>(saved_));
}

SignalMask::~SignalMask() { pthread_sigmask(SIG_SETMASK, reinterpret_cast<sigset_t*>(saved_), nullptr); }

} // namespace standin::kafka
