"""One operating-system process of the environment: start, await, ask to stop, kill -9 at a chosen moment.

Whatever happens to the harness itself (end, exception, signal, kill -9), its processes are stopped, each by its pid.
"""

import atexit
import os
import pathlib
import pwd
import signal
import subprocess
import sys
import time

from . import guardian
from .await_ import Hopeless, await_

_running = []
_guardian = None


def server_user():
    """Servers refuse to run as root: the name of the user they run as instead, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("running as root, and there is neither a user postgres nor nobody to run the servers as")


def as_user(user, argv):
    """The command that runs argv as the user, in the same process."""
    argv = [str(word) for word in argv]
    if user is None:
        return argv
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups", *argv]


def run(argv, user=None, **options):
    """Run a short command to its end; a failure shows what it said."""
    options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(as_user(user, argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))} exited with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


class Process:
    """A long-running child with a log file. start() may be called again after the process has ended."""

    def __init__(self, name, argv, log, *, user=None, cwd=None, env=None, stop_signal=signal.SIGTERM):
        self.name, self.argv, self.log = name, argv, pathlib.Path(log)
        self.user, self.cwd, self.env = user, cwd, env
        self.stop_signal = stop_signal
        self.child = self.pid = self.started = None

    def start(self):
        assert not self.alive(), f"{self.name} is already running"
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                as_user(self.user, self.argv), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.cwd, env={**os.environ, **(self.env or {})}, start_new_session=True)
        self.pid = self.child.pid
        self.started = guardian.start_time(self.pid)
        _running.append(self)
        _tell_guardian(f"+ {self.pid} {self.started} {int(self.stop_signal)}")
        return self

    def detach(self):
        """Let it live on after the harness ends; whoever wants it stopped needs its pid and start time."""
        if self in _running:
            _running.remove(self)
            _tell_guardian(f"- {self.pid} {self.started}")

    def adopt(self, pid, started):
        """Take over a process that an earlier harness process left running."""
        self.pid, self.started = pid, started
        return self

    def alive(self):
        if self.child is not None:
            return self.child.poll() is None
        return self.pid is not None and guardian.start_time(self.pid) == self.started

    def ready(self, what, condition, timeout=60):
        """Await a condition, but not longer than the process lives."""
        def check():
            if not self.alive():
                raise Hopeless(f"{self.name} ended while waiting for {what}; its log ends:\n{self.log_tail()}")
            return condition()
        try:
            return await_(f"{self.name}: {what}", check, timeout)
        except Hopeless:
            raise
        except Exception as error:
            raise RuntimeError(f"{error}\nlog of {self.name} ends:\n{self.log_tail()}") from error

    def kill9(self):
        """The power cord: SIGKILL to the process, and to the children it had."""
        # Stopped before its children are listed: it must not fork one that we miss.
        victims = []
        if self.alive():
            self.signal(signal.SIGSTOP)
            victims = [self.pid, *children(self.pid)]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._ended(0)
        await_(f"the end of all processes of {self.name}",
               lambda: not [pid for pid in victims if guardian.start_time(pid) is not None], 30, 0.01)

    def signal(self, number):
        os.kill(self.pid, number)

    def stop(self, grace=30):
        """Ask it to stop; kill it when it does not within the grace."""
        if self.alive():
            self.signal(self.stop_signal)
            self._ended(grace)
        if self.alive():
            print(f"{self.name} (pid {self.pid}) did not stop within {grace} s: killed", file=sys.stderr)
            self.kill9()

    def _ended(self, grace):
        deadline = time.monotonic() + max(grace, 10 if grace == 0 else 0)
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if not self.alive() and self in _running:
            _running.remove(self)
            _tell_guardian(f"- {self.pid} {self.started}")

    def log_tail(self, lines=40):
        try:
            with open(self.log, "rb") as log:
                log.seek(max(0, self.log.stat().st_size - 20000))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except OSError as error:
            return f"(no log: {error})"


def children(pid):
    """The direct children of a process."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                    if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                        found.append(int(entry))
            except OSError:
                continue
    return found


def _tell_guardian(line):
    global _guardian  # pylint: disable=global-statement
    if _guardian is None:
        _guardian = subprocess.Popen([sys.executable, guardian.__file__], stdin=subprocess.PIPE, text=True,
                                     start_new_session=True, cwd="/")
        atexit.register(_stop_all)
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, lambda *_: sys.exit(1))
    try:
        _guardian.stdin.write(line + "\n")
        _guardian.stdin.flush()
    except BrokenPipeError:
        pass


def _stop_all():
    while _running:  # the last started first: consumers before brokers
        process = _running[-1]
        process.stop()
        if process in _running:
            _running.remove(process)
    if _guardian is not None:
        _guardian.stdin.close()
        _guardian.wait()
