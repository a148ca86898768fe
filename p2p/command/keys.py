"""Files that hold a publisher's secret key: 64 hex digits, for its owner's eyes only."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from host.program.arguments import ArgumentError
from p2p.dht.items import KEY_LENGTH
from p2p.errors import DiskError

_DIGITS = 2 * KEY_LENGTH


def read_or_make(path: Path) -> bytes:
    """The secret key in a file, which is made with a new one if it is not there (mode 0600).

    Raises ArgumentError for a file with something else, DiskError.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise DiskError(f"{path} cannot be read: {error.strerror or error}") from None
    key = secrets.token_bytes(KEY_LENGTH)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{key.hex()}\n")
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise DiskError(f"{path} cannot be written: {error.strerror or error}") from None
    return key


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        text = file.read(_DIGITS + 2).strip()
    if not re.fullmatch(b"[0-9A-Fa-f]{%d}" % _DIGITS, text):
        raise ArgumentError(f"{path}: expected a secret key, {_DIGITS} hex digits and no more")
    return bytes.fromhex(text.decode())
