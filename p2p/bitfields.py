"""The payload of a Bitfield: a bit for each piece, the first one highest in its byte (BEP 3)."""

from p2p.errors import WireError

_FLAG_TO_DIGIT = b"0" + b"1" * 255
# For each place in a byte, from the high bit on: the flag there, for every value of the byte.
_BYTE_TO_FLAG = tuple(bytes(byte >> (7 - place) & 1 for byte in range(256)) for place in range(8))


def pack_bitfield(flags: bytes | bytearray) -> bytes:
    """Bits of a Bitfield from one byte (0 or not) per piece; spare bits at the end are 0."""
    size = -(-len(flags) // 8)
    digits = flags.translate(_FLAG_TO_DIGIT).ljust(8 * size, b"0")
    return int(digits or b"0", 2).to_bytes(size, "big")


def unpack_bitfield(bits: bytes, count: int) -> bytearray:
    """One byte, 0 or 1, for each of `count` pieces. Raises WireError unless `bits` fits them."""
    size = -(-count // 8)
    if len(bits) != size:
        raise WireError(f"bitfield of {len(bits)} bytes: expected {size} for {count} pieces")
    flags = bytearray(8 * size)
    for place, table in enumerate(_BYTE_TO_FLAG):
        flags[place::8] = bits.translate(table)
    if any(flags[count:]):
        raise WireError(f"bitfield with spare bits set: expected {count} pieces and zeros")
    del flags[count:]
    return flags
