"""What the bench and its worker processes say to each other: msgpack messages, their length first.

The bench sends jobs; a worker answers each with progress and then a result or a failure.
"""

import struct
from typing import IO, Any

import msgspec

from bench.play import Play, Played
from bench.sweep import Trial, TrialResult
from host.quantities import Quantity

_LENGTH = struct.Struct("<Q")


Task = Trial | Play
Result = TrialResult | Played


class Job(msgspec.Struct, tag=True):
    """Something to run, with a directory of its own that is there and empty."""

    task: Task
    directory: str


class Progress(msgspec.Struct, tag=True):
    """How much of the job is done, 0 to 1."""

    fraction: float


class Done(msgspec.Struct, tag=True):
    """The job's result."""

    result: Result


class Failed(msgspec.Struct, tag=True):
    """Why the job has no result: a line for people; `details` holds a traceback if it is a bug."""

    line: str
    details: str = ""


Report = Progress | Done | Failed


def write(stream: IO[bytes], message: Job | Report) -> None:
    """Send one message."""
    hook = str if isinstance(message, Job) else _number
    payload = msgspec.msgpack.encode(message, enc_hook=hook)
    stream.write(_LENGTH.pack(len(payload)) + payload)
    stream.flush()


def read_job(stream: IO[bytes]) -> Job | None:
    """Wait for the next job; None when there will be no more."""
    payload = _read(stream)
    if payload is None:
        return None
    return msgspec.msgpack.decode(payload, type=Job, dec_hook=_quantity)


def read_report(stream: IO[bytes]) -> Report | None:
    """Wait for the next report; None when the worker has gone."""
    payload = _read(stream)
    return None if payload is None else msgspec.msgpack.decode(payload, type=Report)


def _read(stream: IO[bytes]) -> bytes | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    payload = stream.read(length)
    return payload if len(payload) == length else None


def _number(value: object) -> int | float:
    """Return a quantity in a result as the plain number that frames hold."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"a result holds {value!r}; expected numbers and text")


def _quantity(kind: type[Any], text: str) -> Quantity:
    quantity: Quantity = kind.parse(text)
    return quantity
