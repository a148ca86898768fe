"""Names of files as clients send them: which are plain, and which could lead astray.

A path is refused as a whole or used as it is, never repaired (CWE-22, CWE-73).
"""

MAX_NAME = 255
"""Bytes in one name: NAME_MAX of Linux (limits.h)."""

MAX_PATH = 4096
"""Bytes in a path: PATH_MAX of Linux."""

MAX_DEPTH = 64
"""Names in a path; each costs a system call."""


def parse_path(path: str) -> tuple[str, ...] | None:
    """The names that a decoded path consists of, outermost first; None where one is not plain.

    Not plain: empty, `.`, `..`, hidden (a dot in front: also what is on its way here), with a
    backslash, a control character or half a surrogate pair, too long.
    """
    try:
        if not path or len(path.encode()) > MAX_PATH:
            return None
    except UnicodeEncodeError:
        return None
    names = tuple(path.split("/"))
    if len(names) > MAX_DEPTH or not all(map(_plain, names)):
        return None
    return names


def _plain(name: str) -> bool:
    return (
        bool(name)
        and not name.startswith(".")
        and "\\" not in name
        and not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name)
        and len(name.encode()) <= MAX_NAME
    )
