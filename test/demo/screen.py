"""What the demo looks like: colour and movement on a terminal, plain lines everywhere else."""

import contextlib
import os
import shutil
import sys
import time

TTY = sys.stdout.isatty() and os.environ.get("TERM") not in (None, "dumb")
COLOUR = TTY and "NO_COLOR" not in os.environ
UTF8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
TICK, CROSS, LINE, DOTS = ("✔", "✘", "─", "…") if UTF8 else ("+", "x", "-", "...")
LABEL, VALUE = 44, 40


def width():
    return min(shutil.get_terminal_size((100, 24)).columns, 100)


def paint(text, code):
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def bold(text):
    return paint(text, "1")


def dim(text):
    return paint(text, "2")


def green(text):
    return paint(text, "32")


def red(text):
    return paint(text, "1;31")


def say(text=""):
    print(text, flush=True)


def title(text, below):
    say()
    say(bold(paint(text, "36")))
    say(dim(below))


def scene(number, heading, story):
    say()
    head = f"{LINE * 2} {number}  {heading} "
    say(bold(head + LINE * max(0, width() - len(head))))
    say(dim("   " + story))


def note(text):
    say(dim("     " + text))


def table(header, rows, numbers=()):
    """Columns as wide as needed; those named in `numbers` are right-aligned."""
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(header), *cells]) for column in range(len(header))]

    def line(row):
        return "     " + "  ".join(cell.rjust(size) if header[column] in numbers else cell.ljust(size)
                                   for column, (cell, size) in enumerate(zip(row, widths))).rstrip()
    say(dim(line(header)))
    for row in cells:
        say(line(row))


class Step:
    """One line of a scene: what, then how it went, then how long it took."""

    def __init__(self, label):
        self.label, self.began, self.detail, self.shown = label, time.monotonic(), "", 0.0
        self.show()

    def show(self):
        if TTY:
            sys.stdout.write(f"\r\033[K   {dim(DOTS[0])} {self.label}  {dim(self.detail)}")
            sys.stdout.flush()

    def update(self, detail):
        """What can be said meanwhile; drawn a few times a second."""
        self.detail = detail
        if time.monotonic() - self.shown > 0.1:
            self.shown = time.monotonic()
            self.show()

    def end(self, good):
        seconds = time.monotonic() - self.began
        mark = green(TICK) if good else red(CROSS)
        if TTY:
            sys.stdout.write("\r\033[K")
        say(f"   {mark} {self.label.ljust(LABEL)} {self.detail.ljust(VALUE)} {dim(f'{seconds:7.2f} s')}")


@contextlib.contextmanager
def step(label, detail=""):
    """with step("what") as it: ...; it.detail = "how it went"."""
    line = Step(label)
    line.detail = detail
    try:
        yield line
    except BaseException:
        line.end(False)
        raise
    line.end(True)


def fact(label, value, good=True):
    """A line without a duration."""
    mark = green(TICK) if good else red(CROSS)
    say(f"   {mark} {label.ljust(LABEL)} {value}")
