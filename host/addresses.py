"""Which loopback addresses a network's hosts get, so that runs side by side never collide.

Linux answers on all of 127.0.0.0/8 (RFC 1122, section 3.2.1.3): each network leases a block
127.B.0.0/16 by binding a socket in it, and each host gets an address of its own.  Where only
127.0.0.1 exists, hosts share it and ports tell them apart.  A program that is one host, this
computer, takes the address and the ports that it is told to.
"""

from __future__ import annotations

import socket

FIRST_BLOCK, LAST_BLOCK = 100, 249
"""Three digits each: an address is as long in one block as in another, and so are messages that
carry it."""

LOOPBACK = "127.0.0.1"

LEASE = (255, 254, 1033)
"""Third and fourth octet and port of the socket that holds a block."""


class AddressBlock:
    """The addresses of one network; `close` gives them back."""

    def __init__(self, lease: socket.socket | None, block: int, only: str | None = None) -> None:
        self._lease = lease
        self._block = block
        self._only = only

    @classmethod
    def only(cls, address: str) -> AddressBlock:
        """An IPv4 address of this computer's (0.0.0.0: all of them); nothing is leased."""
        return cls(None, 0, address)

    @classmethod
    def lease(cls) -> AddressBlock:
        """A block that no other network on this machine holds.  OSError when all are taken."""
        if not _has_whole_loopback():
            return cls(None, 0)
        for block in range(FIRST_BLOCK, LAST_BLOCK + 1):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                sock.bind((f"127.{block}.{LEASE[0]}.{LEASE[1]}", LEASE[2]))
            except OSError:
                sock.close()
                continue
            return cls(sock, block)
        raise OSError(f"all {LAST_BLOCK - FIRST_BLOCK + 1} loopback blocks are in use")

    @property
    def shared(self) -> bool:
        """True when all hosts have the same address."""
        return self._lease is None

    def port(self, wished: int) -> int:
        """The port to bind: the wished one, or any (0) where emulated hosts share an address."""
        return 0 if self.shared and self._only is None else wished

    def address(self, index: int) -> str:
        """The address of host number `index` (from 0), at most 60,000 of them."""
        if self.shared:
            return self._only or LOOPBACK
        third, fourth = divmod(index, 240)
        if third > 250:
            raise ValueError(f"host number {index} is beyond the 60,240 addresses of a block")
        return f"127.{self._block}.{third}.{fourth + 10}"

    def close(self) -> None:
        if self._lease is not None:
            self._lease.close()


def _has_whole_loopback() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((f"127.{FIRST_BLOCK}.0.1", 0))
        except OSError:
            return False
    return True
