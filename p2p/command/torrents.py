"""Torrent files on this computer, and the files that they are made of (BEP 3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from host.files import PartialFile
from host.program.arguments import ArgumentError
from p2p import magnet
from p2p.disk.store import describe
from p2p.errors import DiskError, MetainfoError, NotFoundError
from p2p.magnet import Magnet, UpdateMagnet
from p2p.metainfo import MAX_TORRENT, Metainfo


def read(text: str) -> Magnet | UpdateMagnet | Metainfo:
    """What a word names: a magnet link of either kind, or the torrent file of that path.

    Raises MagnetError, NotFoundError, ArgumentError for a folder, MetainfoError, OSError.
    """
    if text.strip().lower().startswith("magnet:"):
        return magnet.parse_any(text)
    return read_torrent(Path(text))


def read_torrent(path: Path) -> Metainfo:
    """What a torrent file says. Raises as `read` does."""
    try:
        with path.open("rb") as file:
            return Metainfo.from_torrent(file.read(MAX_TORRENT + 1))
    except MetainfoError as error:
        raise MetainfoError(f"{path}: {error}") from None
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise ArgumentError(f"{path} is a folder; expected a torrent file or magnet link") from None


def existing(source: Path) -> Path:
    """The file or folder, with a name of its own even where it is given as `.` or `..`.

    Raises NotFoundError.
    """
    if not source.exists():
        raise NotFoundError(f"{source}: there is no such file or folder")
    return source.resolve() if source.name in ("", "..") else source


def folder_of(torrent: Path, told: Path | None) -> Path:
    """Where a torrent's files are: where it is told, or beside it. Raises NotFoundError."""
    if told is not None and not told.is_dir():
        raise NotFoundError(f"{told}: there is no such folder")
    return told or torrent.parent


def described(
    source: Path, piece_length: int | None, report: Callable[[int, int], None]
) -> Metainfo:
    """The torrent of a file or folder; `report` is told the bytes read, and of how many."""
    files = source.rglob("*") if source.is_dir() else (source,)
    size = sum(file.stat().st_size for file in files if file.is_file())
    return describe(source, piece_length, lambda done: report(done, size))


def write(target: Path, metainfo: Metainfo, force: bool) -> None:
    """Put a torrent file there as a whole or not at all; in place of another if `force`.

    Raises ArgumentError and DiskError.
    """
    try:
        partial = PartialFile(target)
        try:
            partial.file.write(metainfo.to_torrent())
            if not force:
                refuse_to_overwrite(target)
            partial.commit()
        finally:
            partial.discard()
    except OSError as error:
        raise DiskError(f"{target} cannot be written: {error.strerror or error}") from None


def refuse_to_overwrite(target: Path) -> None:
    """Raise ArgumentError when something is there."""
    if target.exists():
        raise ArgumentError(f"{target} exists; --force overwrites it, --output names another")
