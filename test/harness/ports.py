"""Free TCP ports on the loopback, below the range from which the kernel serves outgoing connections."""

import random
import socket

_given = set()


def free_port():
    """A port nobody listens on now, and that this process has not given out before."""
    picker = random.SystemRandom()
    while True:
        port = picker.randrange(20000, 32000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
