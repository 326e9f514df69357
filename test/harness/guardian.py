"""Stops what a harness process leaves behind when it is killed -9 itself (a test's time limit does that).

Runs as a process of its own, in its own session; its standard input is a pipe whose other end only the harness process
holds. Lines `+ pid start signal` and `- pid start` keep the list; end of file means that the harness is gone.
"""

import os
import signal
import sys
import time


def start_time(pid):
    """The kernel's start time of a process, or None: with the pid it names one process for ever."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def stop(processes, grace=10.0):
    """Signal each (pid, start, signal) politely, then kill -9 what is left."""
    def alive():
        return [p for p in processes if start_time(p[0]) == p[1]]

    for pid, _, number in alive():
        _kill(pid, number)
    deadline = time.monotonic() + grace
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid, _, _ in alive():
        _kill(pid, signal.SIGKILL)


def _kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def main():
    wards = {}
    for line in sys.stdin:
        verb, pid, start, *rest = line.split()
        if verb == "+":
            wards[int(pid), int(start)] = int(rest[0])
        else:
            wards.pop((int(pid), int(start)), None)
    stop([(pid, start, number) for (pid, start), number in wards.items()])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    main()
