"""A program that people run: how it speaks to them, and what SIGINT and SIGTERM do to it where
nothing is open that would have to be closed.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
INTERRUPTED = 7
"""The exit code after one of them."""


class Program:
    """What stands in front of each line on stderr, and what is said after a signal."""

    def __init__(self, name: str, interrupted: str) -> None:
        self.name = name
        self.interrupted = interrupted

    def say(self, line: str) -> None:
        """Print a line on stderr, in one write: others may write to the same place."""
        sys.stderr.write(f"{self.name}: {printable(' '.join(line.split()))}\n")
        sys.stderr.flush()

    def answer(self) -> None:
        """Let both signals end it with one line, from now on and until it is as good as over.

        The interpreter takes handlers away before it has ended, which would change the exit code.
        """
        handle(self.leave)
        atexit.register(handle, signal.SIG_IGN)

    def leave(self, number: int, frame: FrameType | None) -> None:
        """End the process at once, with one line.

        No exception: one that is raised in the middle of an import may be swallowed there
        (callbacks of weak references), and shows a traceback either way.
        """
        try:
            os.write(2, f"{self.name}: {self.interrupted}\n".encode())
        finally:
            os._exit(INTERRUPTED)


def handle(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """Let both signals call it: `kill` ends a run like Ctrl-C.

    It is set even where a shell has them ignored, as for what a script started with `&`.
    """
    for number in SIGNALS:
        signal.signal(number, handler)


def printable(text: str) -> str:
    """The text without what a terminal would obey: names come from strangers."""
    return "".join(
        letter
        if letter.isprintable()
        else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text
    )
