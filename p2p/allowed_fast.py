"""Which pieces a peer may request while choked: the canonical allowed fast set (BEP 6)."""

import hashlib
from ipaddress import IPv4Address

_NETWORK = 3  # bytes of the address that count: neighbours in one /24 share a set


def allowed_fast(infohash: bytes, address: str, piece_count: int, size: int) -> list[int]:
    """`size` different pieces for the peer at the IPv4 `address`, in the order that they are drawn.

    All pieces, where the torrent has no more than that. The draw depends on the arguments alone,
    so a peer gains nothing by connecting again. Raises ValueError for what is not IPv4.
    """
    drawn = IPv4Address(address).packed[:_NETWORK] + b"\0" + infohash
    if piece_count <= size:
        return list(range(piece_count))
    chosen: dict[int, None] = {}
    while True:
        drawn = hashlib.sha1(drawn).digest()
        for at in range(0, len(drawn), 4):
            if len(chosen) >= size:
                return list(chosen)
            chosen[int.from_bytes(drawn[at : at + 4], "big") % piece_count] = None
