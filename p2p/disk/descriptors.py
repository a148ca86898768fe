"""Open files, few at a time, kept open while somebody reads or writes (least recently used go)."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MOST_OPEN = 64  # of the 1,024 that a process usually may; the others are for connections


@dataclass
class _Open:
    descriptor: int
    users: int = 0
    forgotten: bool = False


class Descriptors:
    """Descriptors by a file's number; any thread may use one while another forgets it."""

    def __init__(self, opens: Callable[[int, bool], int], most: int = MOST_OPEN) -> None:
        self._opens = opens
        self._most = most
        self._files: dict[int, _Open] = {}  # used last comes last
        self.lock = threading.RLock()
        """Held while a file is opened: what must not come between takes it."""

    @contextmanager
    def use(self, index: int, make: bool = False) -> Iterator[int]:
        """The descriptor of file `index`, not closed before the block ends.

        A file that is not open is, by `opens(index, make)`, whose OSError comes through.
        """
        with self.lock:
            file = self._files.pop(index, None)
            if file is None:
                file = _Open(self._opens(index, make))
            self._files[index] = file
            file.users += 1
            if len(self._files) > self._most:
                self._close_idle()
        try:
            yield file.descriptor
        finally:
            with self.lock:
                file.users -= 1
                if file.forgotten and not file.users:
                    os.close(file.descriptor)

    def forget(self, index: int) -> None:
        """Close the file, or have its last user do so; the next use opens it again."""
        with self.lock:
            file = self._files.pop(index, None)
            if file is not None:
                file.forgotten = True
                if not file.users:
                    os.close(file.descriptor)

    def close(self) -> None:
        """Forget all files."""
        with self.lock:
            for index in list(self._files):
                self.forget(index)

    def _close_idle(self) -> None:
        for index, file in list(self._files.items()):
            if len(self._files) <= self._most:
                return
            if not file.users:
                self.forget(index)
