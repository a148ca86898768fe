"""What SIGINT and SIGTERM do to `p2p` where nothing is open that would have to be closed."""

import atexit
import os
import signal
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)
EXIT_CODE = 7
LINE = "interrupted; run the same command again to go on"


def handle(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    """Let both signals call it: `kill` ends a run like Ctrl-C.

    It is set even where a shell has them ignored, as for what a script started with `&`.
    """
    for number in SIGNALS:
        signal.signal(number, handler)


def answer() -> None:
    """Let both signals end the program with one line, from now on and until it is as good as over.

    The interpreter takes handlers away before it has ended, which would change the exit code.
    """
    handle(leave)
    atexit.register(handle, signal.SIG_IGN)


def leave(number: int, frame: FrameType | None) -> None:
    """End the process at once, with one line.

    No exception: one that is raised in the middle of an import may be swallowed there (callbacks
    of weak references), and shows a traceback either way.
    """
    try:
        os.write(2, f"p2p: {LINE}\n".encode())
    finally:
        os._exit(EXIT_CODE)
