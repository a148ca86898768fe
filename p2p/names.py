"""Names that strangers give to files: kept as they are or refused, never repaired (BEP 3).

Two names that were repaired could become one, and a repaired torrent is not the one that was
hashed. What is refused would lead out of the download directory, mean a device, be one file with
another on some system, or be taken for something that it is not.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

from p2p.errors import MetainfoError

MAX_NAME = 255  # bytes; NAME_MAX of the usual file systems
MAX_PATH = 4095  # bytes; PATH_MAX of Linux less the NUL
MAX_DEPTH = 100  # libtorrent, max_decode_depth: what bounds the file tree of a v2 torrent there
PART = ".part"
"""What is unfinished has this behind the torrent's name."""

_DRIVE = re.compile(r"[A-Za-z]:")
# Windows opens the device even when an extension, spaces or a stream follow its name.
_DEVICE = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(COM|LPT)[0-9¹²³]) *([.:].*)?", re.IGNORECASE
)
# C0, DEL and C1, and what turns the direction of a text, so that "exe.txt" reads "txt.exe".
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def check_name(raw: bytes) -> str:
    """The text of a file's or folder's name, if it can't lead out of its folder.

    Raises MetainfoError.
    """
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise MetainfoError(f"name {raw[:40]!r}: expected UTF-8") from error
    if len(raw) > MAX_NAME:
        problem = f"expected at most {MAX_NAME} bytes, found {len(raw)}"
    elif not name.strip(". "):
        problem = "expected more than dots and spaces"
    elif "/" in name or "\\" in name:
        problem = "expected no path separator"
    elif _CONTROL.search(name):
        problem = "expected no NUL or other control character"
    elif _DRIVE.match(name):
        problem = "expected no drive letter"
    elif _DEVICE.fullmatch(name):
        problem = "reserved by Windows, expected another"
    else:
        return name
    raise MetainfoError(f"name {name[:40]!r}: {problem}")


def check_torrent_name(raw: bytes) -> str:
    """The name of a whole torrent: one that also leaves room for, and is not, `PART`'s.

    Otherwise one torrent's finished file would be the place where another is being written.
    Raises MetainfoError.
    """
    name = check_name(raw)
    if len(raw) > MAX_NAME - len(PART):
        raise MetainfoError(
            f"name {name[:40]!r}: expected at most {MAX_NAME - len(PART)} bytes, found {len(raw)}"
        )
    if _fold(name).endswith(PART):
        raise MetainfoError(
            f"name {name[:40]!r}: {PART} is the mark of unfinished files, expected another"
        )
    return name


def check_path(name: str, raw: Sequence[object]) -> tuple[str, ...]:
    """The path of a file of the torrent `name`: that name and the texts of `raw`.

    Raises MetainfoError.
    """
    if not 0 < len(raw) < MAX_DEPTH:
        raise MetainfoError(
            f"a path of {len(raw)} names: expected between 1 and {MAX_DEPTH - 1} in {name[:40]!r}"
        )
    parts = [name]
    for part in raw:
        if not isinstance(part, bytes):
            raise MetainfoError(f"a path with {part!r:.40}: expected names only")
        parts.append(check_name(part))
    size = len("/".join(parts).encode())
    if size > MAX_PATH:
        raise MetainfoError(f"a path of {size} bytes: expected at most {MAX_PATH}")
    return tuple(parts)


def check_distinct(paths: Iterable[tuple[str, ...]]) -> None:
    """Raise MetainfoError when two files would be one, or one the folder of another.

    On some systems the case of letters, the way in which accents are spelt, and dots and spaces
    at the end of a name make no difference; so they make none here.
    """
    # A NUL sorts before all that a name may hold: what is in a folder follows on its name.
    folded = sorted("\0".join(map(_fold, path)) for path in paths)
    for one, other in pairwise(folded):
        if one == other:
            raise MetainfoError(f"two files are called {_shown(one)}: expected distinct names")
        if other.startswith(one + "\0"):
            raise MetainfoError(f"{_shown(one)} is a file and a folder: expected one of them")


def _fold(name: str) -> str:
    """Equal for names that some system takes for equal (Unicode, definition D145).

    Its second normalization is left out: what is folded from decomposed letters is decomposed.
    """
    if name.isascii():
        return name.lower().rstrip(". ")
    return unicodedata.normalize("NFD", name).casefold().rstrip(". ")


def _shown(folded: str) -> str:
    text = unicodedata.normalize("NFC", folded.replace("\0", "/"))
    return repr(text if len(text) <= 80 else "…" + text[-79:])
