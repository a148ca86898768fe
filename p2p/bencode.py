"""Bencoding, strict in both directions and bounded for hostile input (BEP 3).

Strict means that a value has exactly one encoding, so `encode(decode(data)) == data` for
whatever `decode` accepts, and an infohash may be taken from either side of it.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from p2p.errors import BencodeError

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
Encodable: TypeAlias = (
    "int | bytes | str | Sequence[Encodable]"
    " | Mapping[str, Encodable] | Mapping[bytes, Encodable] | Mapping[str | bytes, Encodable]"
)

MAX_DEPTH = 100  # libtorrent, max_decode_depth
MAX_TOKENS = 3_000_000  # libtorrent, max_decode_tokens
MAX_INTEGER_DIGITS = 19  # what a signed 64-bit integer can need, as in libtorrent
MAX_LENGTH_DIGITS = 8  # strings under 100 MB; libtorrent caps a whole torrent at 10 MB

# The two bytes "le" become a Python list of 56: a cap on tokens alone does not bound memory.
# So what the values take is added up as they are read, and may reach this many times the
# input plus a floor for small ones. The costs are CPython's on 64 bits.
MEMORY_FACTOR = 9
MEMORY_FLOOR = 768 * 1024
_SLOT_COST = 8
_STRING_COST = 33
_INTEGER_COST = 32
_LIST_COST = 56
_DICT_COST = 232
_DICT_ENTRY_COST = 110  # while the dict grows, its old and its new table both exist
_MOST_SHARED = 256

_TOKEN = re.compile(
    rb"(0|[1-9][0-9]{0,%d}):|i(0|-?[1-9][0-9]{0,%d})e|([lde])"
    % (MAX_LENGTH_DIGITS - 1, MAX_INTEGER_DIGITS - 1)
)


def encode(value: Encodable) -> bytes:
    """Bencode `value`; str goes as UTF-8, dict keys are sorted by their bytes.

    Raises BencodeError for any other type, bool included, and for what `decode` would refuse.
    """
    parts: list[bytes] = []
    _encode(value, parts, 0)
    return b"".join(parts)


def decode(data: bytes | memoryview) -> Value:
    """The value that `data` holds, from its first byte to its last. Raises BencodeError."""
    value, end = decode_prefix(data)
    if end != len(data):
        raise BencodeError(f"byte {end}: expected the end, found {len(data) - end} more bytes")
    return value


def decode_prefix(data: bytes | memoryview, start: int = 0) -> tuple[Value, int]:
    """The value that begins at `start`, and the index of the first byte after it.

    Takes time linear in the input and bounded memory. Raises BencodeError.
    """
    parser = _Parser(bytes(data), start)
    return parser.parse(), parser.at


class _Parser:
    """Reads one value without recursion: finished values wait on a stack for their container."""

    def __init__(self, data: bytes, start: int) -> None:
        self.data = data
        self.at = start
        self.budget = MEMORY_FACTOR * (len(data) - start) + MEMORY_FLOOR
        self.stack: list[Value] = []
        self.opened: list[tuple[bool, int]] = []  # is it a dict, where its values start
        self.shared: dict[bytes, bytes] = {}  # the same keys come back in every file's dict

    def parse(self) -> Value:
        for _ in range(MAX_TOKENS):
            token = _TOKEN.match(self.data, self.at)
            if token is None:
                found = repr(self.data[self.at : self.at + 20]) if self._left() else "the end"
                raise self._error(f"expected a number, string, list or dict, found {found}")
            self.at = token.end()
            length, number, letter = token.groups()
            value: Value
            if length is not None:
                value = self._string(int(length))
            elif number is not None:
                self._hold(_INTEGER_COST)
                value = int(number)
            elif letter == b"e":
                value = self._close()
            else:
                if len(self.opened) == MAX_DEPTH:
                    raise self._error(f"expected at most {MAX_DEPTH} levels")
                self.opened.append((letter == b"d", len(self.stack)))
                continue
            if not self.opened:
                return value
            self._hold(_SLOT_COST)
            self.stack.append(value)
        raise self._error(f"expected at most {MAX_TOKENS} tokens")

    def _string(self, length: int) -> bytes:
        if length > self._left():
            raise self._error(f"expected a string of {length} bytes, found {self._left()}")
        text = self.data[self.at : self.at + length]
        self.at += length
        known = self.shared.get(text)
        if known is not None:
            return known
        self._hold(_STRING_COST + length)
        if len(self.shared) < _MOST_SHARED:
            self.shared[text] = text
        return text

    def _close(self) -> Value:
        if not self.opened:
            raise self._error("found 'e' with no list or dict open")
        is_dict, first = self.opened.pop()
        count = len(self.stack) - first
        value: Value
        if is_dict:
            self._hold(max(_DICT_COST, _DICT_ENTRY_COST * (count // 2)))
            value = self._dict(first)
        else:
            self._hold(_LIST_COST + _SLOT_COST * count)
            value = self.stack[first:]
        del self.stack[first:]
        return value

    def _dict(self, first: int) -> Value:
        values = self.stack[first + 1 :: 2]
        keys = [key for key in self.stack[first::2] if isinstance(key, bytes)]
        if len(keys) + len(values) != len(self.stack) - first or len(keys) != len(values):
            raise self._error("expected pairs of a string and a value in the dict")
        for left, right in pairwise(keys):
            if left >= right:
                raise self._error(f"expected keys sorted and unique, found {right[:20]!r} late")
        return dict(zip(keys, values, strict=True))

    def _hold(self, cost: int) -> None:
        self.budget -= cost
        if self.budget < 0:
            raise self._error(f"needs over {MEMORY_FACTOR} times the input's size in memory")

    def _left(self) -> int:
        return len(self.data) - self.at

    def _error(self, problem: str) -> BencodeError:
        return BencodeError(f"byte {self.at}: {problem}")


def _encode(value: object, parts: list[bytes], depth: int) -> None:
    if isinstance(value, bytes | str):
        text = _bytes(value)
        parts += (b"%d:" % len(text), text)
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**MAX_INTEGER_DIGITS:
            raise BencodeError(f"expected an integer of at most {MAX_INTEGER_DIGITS} digits")
        parts.append(b"i%de" % value)
    elif not isinstance(value, list | tuple | dict):
        raise BencodeError(
            f"expected int, bytes, str, list, tuple or dict, found {type(value).__name__}"
        )
    elif depth == MAX_DEPTH:
        raise BencodeError(f"expected at most {MAX_DEPTH} levels")
    elif isinstance(value, dict):
        items = {_bytes(key): item for key, item in value.items()}
        if len(items) != len(value):
            raise BencodeError("expected unique keys, found one both as str and as bytes")
        parts.append(b"d")
        for key in sorted(items):
            parts += (b"%d:" % len(key), key)
            _encode(items[key], parts, depth + 1)
        parts.append(b"e")
    else:
        parts.append(b"l")
        for item in value:
            _encode(item, parts, depth + 1)
        parts.append(b"e")


def _bytes(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise BencodeError(f"expected a str or bytes key, found {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise BencodeError(f"expected text that UTF-8 can hold, found {text[:20]!r}") from error
