"""The packets of TFTP: bytes to values and back (RFC 1350, section 5; RFC 2347 for options)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

MAX_REQUEST = 512
"""Bytes in a request, an option acknowledgement or an error (RFC 2347: 512 octets)."""

MAX_BLOCK = 65_464
"""Bytes of a file in one packet (RFC 2348)."""

HEAD = 4
"""Bytes of a DATA packet in front of the file's."""


BUSY = "busy"
"""How the text of our ERROR 0 begins when it means: try again later."""


class Opcode(IntEnum):
    """What a packet is (RFC 1350, section 5; 6 is of RFC 2347)."""

    READ = 1
    WRITE = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OPTIONS = 6


class ErrorCode(IntEnum):
    """Why somebody ends a transfer (RFC 1350, appendix; 8 is of RFC 2347)."""

    OTHER = 0
    NOT_FOUND = 1
    DENIED = 2
    DISK_FULL = 3
    ILLEGAL = 4
    UNKNOWN_TRANSFER = 5
    EXISTS = 6
    NO_SUCH_USER = 7
    OPTIONS = 8


class PacketError(Exception):
    """A datagram that is no packet of TFTP, or one that breaks its rules; `code` says how."""

    def __init__(self, code: ErrorCode, line: str) -> None:
        super().__init__(line)
        self.code = code


@dataclass(frozen=True)
class FileRequest:
    """RRQ or WRQ: somebody wants to read or write a file."""

    write: bool
    name: str
    """As sent; bytes that are not UTF-8 are half surrogate pairs, which no path of ours has."""
    mode: str = "octet"
    """In small letters."""
    options: Mapping[str, str] = field(default_factory=dict)
    """By their names in small letters."""


@dataclass(frozen=True)
class Data:
    """DATA: a block of the file; the last one is shorter than the others."""

    number: int
    data: bytes


@dataclass(frozen=True)
class Ack:
    """ACK: every block up to this one has come."""

    number: int


@dataclass(frozen=True)
class Error:
    """ERROR: the transfer is over. Nobody answers it."""

    code: int
    text: str


@dataclass(frozen=True)
class OptionAck:
    """OACK: the options of a request that its receiver agrees to, with the values that hold."""

    options: Mapping[str, str]


Packet = FileRequest | Data | Ack | Error | OptionAck


def parse(datagram: bytes) -> Packet:
    """The packet that a datagram holds. Raises PacketError, and nothing else whatever it holds."""
    opcode = int.from_bytes(datagram[:2], "big")
    body = datagram[2:]
    if len(datagram) < HEAD:
        raise PacketError(ErrorCode.ILLEGAL, "too short for a packet")
    if opcode == Opcode.DATA:
        return _parse_data(body)
    if opcode == Opcode.ACK:
        if len(datagram) != HEAD:
            raise PacketError(ErrorCode.ILLEGAL, "an ACK has 4 bytes")
        return Ack(int.from_bytes(body, "big"))
    if len(datagram) > MAX_REQUEST:
        raise PacketError(ErrorCode.ILLEGAL, "longer than 512 bytes")
    if opcode in (Opcode.READ, Opcode.WRITE):
        name, mode, *options = _strings(body, at_least=2)
        mode = mode.lower()
        return FileRequest(opcode == Opcode.WRITE, name, mode, _parse_options(options))
    if opcode == Opcode.ERROR:
        text = body[2:].partition(b"\0")[0].decode(errors="replace")
        return Error(int.from_bytes(body[:2], "big"), text)
    if opcode == Opcode.OPTIONS:
        return OptionAck(_parse_options(_strings(body, at_least=2)))
    raise PacketError(ErrorCode.ILLEGAL, "no such operation")


def _parse_data(body: bytes) -> Data:
    if len(body) > 2 + MAX_BLOCK:
        raise PacketError(ErrorCode.ILLEGAL, f"a block has {MAX_BLOCK} bytes at most")
    return Data(int.from_bytes(body[:2], "big"), body[2:])


def _strings(body: bytes, at_least: int) -> list[str]:
    """The strings of a body in which each ends with a zero byte."""
    if not body.endswith(b"\0"):
        raise PacketError(ErrorCode.ILLEGAL, "a string does not end")
    strings = body[:-1].split(b"\0")
    if len(strings) < at_least or len(strings) % 2:
        raise PacketError(ErrorCode.ILLEGAL, "a string is missing")
    return [string.decode(errors="surrogateescape") for string in strings]


def _parse_options(strings: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in zip(strings[::2], strings[1::2], strict=True):
        if not re.fullmatch("[!-~]+", name) or not re.fullmatch("[ -~]*", value):
            raise PacketError(ErrorCode.OPTIONS, "an option is not plain ASCII")
        if name.lower() in options:
            raise PacketError(ErrorCode.OPTIONS, "an option came twice")
        options[name.lower()] = value
    return options


def encode(packet: Packet) -> bytes:
    """The datagram for a packet. Raises PacketError for a request or options of over 512 bytes."""
    match packet:
        case Data(number, data):
            return _head(Opcode.DATA, number) + data
        case Ack(number):
            return _head(Opcode.ACK, number)
        case Error(code, text):
            room = MAX_REQUEST - HEAD - 1
            plain = text.replace("\0", " ").encode(errors="replace")[:room]
            return _head(Opcode.ERROR, code) + plain + b"\0"
        case FileRequest(write, name, mode, options):
            opcode = Opcode.WRITE if write else Opcode.READ
            return _encode_strings(opcode, [name, mode], options)
        case OptionAck(options):
            return _encode_strings(Opcode.OPTIONS, [], options)


def _head(opcode: Opcode, number: int) -> bytes:
    return opcode.to_bytes(2, "big") + number.to_bytes(2, "big")


def _encode_strings(opcode: Opcode, strings: list[str], options: Mapping[str, str]) -> bytes:
    for option in options.items():
        strings = [*strings, *option]
    body = b"".join(string.encode(errors="surrogateescape") + b"\0" for string in strings)
    if len(body) + 2 > MAX_REQUEST:
        raise PacketError(ErrorCode.ILLEGAL, f"longer than the {MAX_REQUEST} bytes of a request")
    return opcode.to_bytes(2, "big") + body
