"""Bitfields: their exact bits, and what does not fit the torrent."""

import pytest

from p2p.bitfields import pack_bitfield, unpack_bitfield
from p2p.errors import WireError


@pytest.mark.parametrize(
    ("flags", "bits"),
    [
        (b"", b""),
        (b"\1", b"\x80"),
        (b"\0", b"\0"),
        (b"\1\0\1\0\0\0\0\1", b"\xa1"),
        (b"\0\0\0\0\0\0\0\0\1", b"\x00\x80"),
        (b"\0\1\1" * 4, b"\x6d\xb0"),
    ],
)
def test_bitfields(flags, bits):
    assert pack_bitfield(flags) == bits
    assert unpack_bitfield(bits, len(flags)) == flags


def test_any_flag_but_zero_is_set():
    assert pack_bitfield(bytearray(b"\2\0\xff0")) == b"\xb0"


@pytest.mark.parametrize(
    ("bits", "count", "problem"),
    [
        (b"", 1, "bitfield of 0 bytes: expected 1 for 1 pieces"),
        (b"\0", 0, "bitfield of 1 bytes: expected 0 for 0 pieces"),
        (b"\0\0", 8, "bitfield of 2 bytes: expected 1 for 8 pieces"),
        (b"\0", 9, "bitfield of 1 bytes: expected 2 for 9 pieces"),
        (b"\x40", 1, "spare bits set"),
        (b"\0\x01", 15, "spare bits set"),
    ],
)
def test_bitfields_refused(bits, count, problem):
    with pytest.raises(WireError, match=problem):
        unpack_bitfield(bits, count)
