"""A permit: what one bearer may do now, shared by all of the bearer's transfers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from central.access.pace import Bucket, stretch
from central.access.uses import Uses
from central.errors import DeniedError


class Permit:
    """The bearer's name, rate and downloads, and how to stop what is under way."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        rate: float = math.inf,
        uses: Uses | None = None,
    ) -> None:
        """`rate` in bytes per second; without `uses` downloads are not counted."""
        self.name = name
        """The grant's name for the log; "-" for somebody without a token."""
        self.rate = rate
        """Bytes per second over all of the bearer's transfers; infinite where nothing limits."""
        self._loop = loop
        self._uses = uses
        self._bucket = None if rate == math.inf else Bucket(rate)
        self._turn = asyncio.Lock()
        self._stops: dict[object, Callable[[], None]] = {}
        self._ended = False

    def reserve(self, share: float) -> None:
        """A download of `share` of a file (0 to 1) begins. Raises DeniedError at the limit."""
        if self._uses is not None and not self._uses.begin(share):
            raise DeniedError("the token's downloads are used up", known=True)

    def refund(self, share: float) -> None:
        """So much of what was reserved was never sent (what the kernel took counts as sent)."""
        if self._uses is not None:
            self._uses.refund(share)

    def stretch(self, most: int) -> int:
        """Bytes to send at a time so that `rate` is kept smoothly; `most` where nothing limits."""
        return stretch(self.rate, len(self._stops), most)

    async def pace(self, size: int) -> None:
        """Wait until `size` bytes more may be sent or taken; who asked first goes first."""
        if self._bucket is None:
            return
        # Nothing is spent by those who give up waiting.
        async with self._turn:
            now = self._loop.time()
            earned = self._bucket.earned(size, now)
            if earned > now:
                await asyncio.sleep(earned - now)
            self._bucket.spend(earned)

    @contextmanager
    def using(self, stop: Callable[[], None]) -> Iterator[None]:
        """Within the block `stop` is called, once, when the permit is revoked or expires; at once
        if it has been."""
        if self._ended:
            stop()
        key = object()
        self._stops[key] = stop
        try:
            yield
        finally:
            self._stops.pop(key, None)

    def end(self) -> None:
        """It is good for nothing any more: stop all that goes on under it."""
        self._ended = True
        while self._stops:
            stop = self._stops.pop(next(iter(self._stops)))
            try:
                stop()
            except Exception as error:  # the others must be stopped all the same
                self._loop.call_exception_handler(
                    {"message": f"stopping a transfer of {self.name}", "exception": error}
                )
