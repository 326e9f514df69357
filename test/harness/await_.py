"""Waits for a condition instead of sleeping: fast when the machine is fast, patient when it is not."""

import time


class Timeout(Exception):
    """The condition did not come true in time; the message carries the last value seen."""


def await_(what, condition, timeout=60, interval=0.05):
    """Call condition() until it returns something true, and return that; an exception counts as not yet.

    `what` says what is awaited; at failure it is shown with the last value or exception.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            seen = condition()
            if seen:
                return seen
        except Exception as error:  # pylint: disable=broad-except
            if isinstance(error, Hopeless):
                raise
            seen = f"{type(error).__name__}: {error}"
        if time.monotonic() > deadline:
            raise Timeout(f"waited {timeout} s in vain for {what}; last seen: {seen!r}")
        time.sleep(interval)


class Hopeless(Exception):
    """Raised by a condition that can no longer come true (the process is dead): do not wait for the bound."""
