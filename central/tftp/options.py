"""What the two ends of a transfer agree on: options and their values (RFC 2347).

| option | in a request | in the answer |
| --- | --- | --- |
| blksize (RFC 2348) | bytes in a block, 8 to 65464 | the same or fewer |
| windowsize (RFC 7440) | blocks in a window, 1 to 65535 | the same or fewer |
| timeout (RFC 2349) | seconds until the first retransmission, 1 to 255 | the same |
| tsize (RFC 2349) | RRQ: 0; WRQ: bytes of the file | bytes of the file |

Ours, which RFC 2347 leaves room for; a server that does not know them leaves them out of its
answer, and ours answers those only that it was asked for:

| option | in a request | in the answer |
| --- | --- | --- |
| token | the bearer's token | nothing |
| etag | RRQ: the version that the client has a part of, or 0 | the version that follows |
| offset | RRQ: bytes of that version that the client has | where the data begin: there or at 0 |
| sha256 | RRQ: 0; WRQ: 64 digits, which the server checks | 64 digits, if known |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from central.tftp.packets import MAX_BLOCK, ErrorCode, PacketError

BLOCK_SIZE = 512
"""Bytes in a block where nobody asks for another size (RFC 1350)."""

MIN_BLOCK = 8
"""Bytes (RFC 2348)."""

MOST_WINDOW = 64
"""Blocks in a window at most: what RFC 7440 (section 5) found to gain little more beyond."""

WINDOW_BYTES = 128 * 1024
"""Bytes in a window at most: they leave at once, and a socket's receive buffer has 208 KiB by
default (net.core.rmem_default)."""

_PATTERNS = {
    "blksize": r"[0-9]{1,5}",
    "windowsize": r"[0-9]{1,5}",
    "timeout": r"[0-9]{1,3}",
    "tsize": r"[0-9]{1,19}",
    "offset": r"[0-9]{1,19}",
    "token": r"[!-~]{1,255}",
    "etag": r"[!-~]{1,128}",
    "sha256": r"0|[0-9a-f]{64}",
}
_RANGES = {"blksize": (MIN_BLOCK, MAX_BLOCK), "windowsize": (1, 65_535), "timeout": (1, 255)}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that we know, None for those that are not there."""

    blksize: int | None = None
    windowsize: int | None = None
    timeout: int | None = None
    tsize: int | None = None
    token: str | None = None
    etag: str | None = None
    offset: int | None = None
    sha256: str | None = None

    @property
    def block_size(self) -> int:
        """Bytes in a block."""
        return self.blksize or BLOCK_SIZE

    @property
    def window(self) -> int:
        """Blocks in a window."""
        return self.windowsize or 1

    def write(self) -> dict[str, str]:
        """The options as packets carry them."""
        return {name: str(value) for name, value in vars(self).items() if value is not None}


def read(options: Mapping[str, str]) -> Options:
    """The options that we know, checked; others are passed over (RFC 2347). Raises PacketError."""
    values: dict[str, int | str] = {}
    for name in _PATTERNS:
        text = options.get(name)
        if text is None:
            continue
        if not is_value(name, text):
            raise PacketError(ErrorCode.OPTIONS, f"{name}: not a value of it")
        if name not in ("token", "etag", "sha256"):
            low, high = _RANGES.get(name, (0, 2**63))
            if not low <= int(text) <= high:
                raise PacketError(ErrorCode.OPTIONS, f"{name}: expected {low} to {high}")
        values[name] = text if name in ("token", "etag", "sha256") else int(text)
    return Options(**values)  # type: ignore[arg-type]


def check_answer(asked: Options, answered: Mapping[str, str]) -> Options:
    """What a server's OACK settles. Raises PacketError for what was not asked for, or for more."""
    if strange := [name for name in answered if name not in asked.write()]:
        raise PacketError(ErrorCode.OPTIONS, f"{strange[0][:32]}: nobody asked for it")
    settled = read(answered)
    if settled.blksize is not None and settled.block_size > asked.block_size:
        raise PacketError(ErrorCode.OPTIONS, "blksize: larger than asked for")
    if settled.window > asked.window:
        raise PacketError(ErrorCode.OPTIONS, "windowsize: larger than asked for")
    if settled.timeout is not None and settled.timeout != asked.timeout:
        raise PacketError(ErrorCode.OPTIONS, "timeout: not the one asked for")
    if settled.offset and (settled.offset, settled.etag) != (asked.offset, asked.etag):
        raise PacketError(ErrorCode.OPTIONS, "offset: not the one asked for")
    return settled


def is_value(name: str, text: str) -> bool:
    """Whether an option may have that value, whatever its range."""
    return re.fullmatch(_PATTERNS[name], text) is not None


def widest_window(asked: int, block_size: int) -> int:
    """Blocks in a window that we agree to."""
    return max(1, min(asked, MOST_WINDOW, WINDOW_BYTES // block_size))
