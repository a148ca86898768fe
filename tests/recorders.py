"""Protocols that keep what happened to them and when, for the tests of streams."""

import asyncio
from typing import Any

from host.host import Host


class Recorder(asyncio.Protocol):
    """Keeps every byte it receives, and the time of every call."""

    def __init__(self, hello: bytes = b"", keep_open: bool = False) -> None:
        self._loop = asyncio.get_running_loop()
        self._hello = hello
        self._keep_open = keep_open
        self.transport: Any = None
        self.data = bytearray()
        self.calls: list[str] = []
        self.arrivals: list[tuple[float, int]] = []
        self.made_at = self.eof_at = self.lost_at = -1.0
        self.paused = False
        self.resumed = asyncio.Event()
        self.made: asyncio.Future[None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done when the other side has ended its half, or the connection is lost."""
        self.lost: asyncio.Future[BaseException | None] = self._loop.create_future()
        self._awaited: list[tuple[int, asyncio.Future[float]]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")
        self.transport = transport
        self.made_at = self._loop.time()
        self.made.set_result(None)
        if self._hello:
            self.transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        self.calls.append("data")
        self.arrived(data)

    def arrived(self, data: bytes | memoryview) -> None:
        self.data += data
        self.arrivals.append((self._loop.time(), len(data)))
        for size, future in list(self._awaited):
            if len(self.data) >= size:
                self._awaited.remove((size, future))
                future.set_result(self._loop.time())

    def eof_received(self) -> bool:
        self.calls.append("eof")
        self.eof_at = self._loop.time()
        self._end()
        return self._keep_open

    def connection_lost(self, error: Exception | None) -> None:
        self.calls.append("lost")
        self.lost_at = self._loop.time()
        self.lost.set_result(error)
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def pause_writing(self) -> None:
        self.paused = True
        self.resumed.clear()

    def resume_writing(self) -> None:
        self.paused = False
        self.resumed.set()

    async def has(self, size: int) -> float:
        """Wait for `size` bytes in all; returns the time at which the last of them came."""
        if len(self.data) >= size:
            return self.arrivals[-1][0]
        future: asyncio.Future[float] = self._loop.create_future()
        self._awaited.append((size, future))
        return await future


class BufferedRecorder(Recorder, asyncio.BufferedProtocol):
    """The same through a buffer of its own that is smaller than what comes."""

    def __init__(self, *args: Any, buffer: int = 5000, **options: Any) -> None:
        super().__init__(*args, **options)
        self._buffer = bytearray(buffer)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.calls.append("data")
        self.arrived(memoryview(self._buffer)[:nbytes])


async def pair(
    a: Host, b: Host, ours: Recorder | None = None, theirs: Recorder | None = None
) -> tuple[Any, Any]:
    """Connect `a` to `b`; returns both protocols when both are connected."""
    far = theirs or Recorder(keep_open=True)
    listener = await b.listen(lambda: far)
    near = ours or Recorder(keep_open=True)
    await a.connect(lambda: near, *listener.address)
    await asyncio.gather(near.made, far.made)
    listener.close()
    return near, far


def payload(size: int, start: int = 0) -> bytes:
    """Bytes that differ from place to place, so that a swap or a gap shows."""
    block = b"".join(number.to_bytes(4, "big") for number in range(start, start + size // 4 + 1))
    return block[:size]
