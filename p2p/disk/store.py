"""The data of a torrent on disk: pieces go in verified, blocks come out."""

import hashlib
import os
import stat
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

from p2p.disk import recheck
from p2p.disk.layout import Layout, Span, wanted_pieces
from p2p.disk.tree import Tree
from p2p.errors import CorruptError, DiskError, MetainfoError, NotFoundError
from p2p.metainfo import Metainfo, choose_piece_length

_CHUNK = 1024 * 1024


class Store:
    """A torrent's files; blocking calls, `put` and `get` short enough for the loop.

    The disk is the only truth: there is no record of what is there but the files, and `check`
    hashes them. `put`, `get` and `commit` may run at the same time in several threads.
    """

    def __init__(self, metainfo: Metainfo, directory: Path, selected: Container[int] | None):
        """Opens nothing but the directory; use `seed` or `download`. Raises DiskError."""
        self._metainfo = metainfo
        self._layout = Layout(metainfo.files)
        self._selected = [
            index
            for index, file in enumerate(metainfo.files)
            if not file.padding and (selected is None or index in selected)
        ]
        self.path = directory / metainfo.name
        """What the finished download is called: a file, or the folder of several."""
        self.wanted = wanted_pieces(metainfo, selected)
        """1 for every piece that has a byte of a selected file."""
        self._tree = Tree(metainfo, directory)

    @classmethod
    def seed(cls, metainfo: Metainfo, directory: Path) -> "Store":
        """All files are below `directory` under their names; they are read and never written.

        Sizes are looked at, bytes by `check`. Raises NotFoundError, CorruptError and DiskError.
        """
        store = cls(metainfo, directory, None)
        try:
            if missing := store._tree.adopt(store._selected):
                path = directory.joinpath(*metainfo.files[missing[0]].path)
                raise NotFoundError(f"{path} is not there, expected all files of the torrent")
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def download(
        cls, metainfo: Metainfo, directory: Path, selected: Container[int] | None = None
    ) -> "Store":
        """Selected files (indices into `metainfo.files`, None: all) are to come to `directory`.

        Goes on with what an earlier store left. Raises DiskError, also while another process
        writes the same, and CorruptError for a file that has the name but not the size.
        """
        store = cls(metainfo, directory, selected)
        try:
            missing = store._tree.adopt(store._selected)
            if missing or store._tree.has_staging():
                store._tree.stage()
                store._tree.adopt(missing)  # some may have been finished before it was ours
        except BaseException:
            store.close()
            raise
        return store

    def check(self, report: Callable[[int], None] | None = None) -> bytearray:
        """1 for every piece that is on disk with the right hash; reads all there is.

        `report` gets the number of pieces looked at so far. Raises DiskError, and CorruptError
        naming a finished file that is not what the torrent says.
        """
        return recheck.recheck(self._metainfo, self._layout, self._tree, report)

    def put(self, index: int, piece: bytearray) -> bool:
        """Write a piece if its hash is right; False when it is not.

        Raises DiskError, and CorruptError when finished files or padding contradict the piece.
        """
        if hashlib.sha1(piece).digest() != self._metainfo.piece_hash(index):
            return False
        rest = memoryview(piece)
        for span in self._layout.spans(index * self._metainfo.piece_length, len(piece)):
            self._write(span, rest[: span.length])
            rest = rest[span.length :]
        return True

    def get(self, index: int, begin: int, length: int) -> bytes:
        """A block of a piece that is here. Raises DiskError and CorruptError."""
        offset = index * self._metainfo.piece_length + begin
        parts = [self._read(span) for span in self._layout.spans(offset, length)]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def commit(self) -> Path:
        """All wanted pieces are here: give the selected files their names; returns `path`.

        Blocks can be read on. Raises DiskError, and CorruptError when a name is taken.
        """
        self._tree.commit(self._selected)
        return self.path

    def close(self) -> None:
        """Close the files; what was put stays for the next `download`."""
        self._tree.close()

    def _write(self, span: Span, data: memoryview) -> None:
        file = self._metainfo.files[span.file]
        if file.padding:
            if data.tobytes().strip(b"\0"):
                raise CorruptError(f"{self.path}: the torrent has padding that is not zeros")
        elif self._tree.is_finished(span.file):
            if self._read(span) != data:
                self._tree.refuse(span.file)
        else:
            with self._tree.use(span.file, make=True) as descriptor:
                _write_all(descriptor, data, span.at)

    def _read(self, span: Span) -> bytes:
        if self._metainfo.files[span.file].padding:
            return bytes(span.length)
        try:
            with self._tree.use(span.file) as descriptor:
                data = os.pread(descriptor, span.length, span.at)
                self._tree.check_unchanged(span.file, descriptor)
        except FileNotFoundError:
            raise DiskError(f"{self._tree.path(span.file)} has gone") from None
        if len(data) < span.length:
            raise CorruptError(f"{self._tree.path(span.file)} has become shorter")
        return data


def _write_all(descriptor: int, data: memoryview, at: int) -> None:
    """A nearly full disk takes a part of what it is given: the next call says why."""
    while data:
        written = os.pwrite(descriptor, data, at)
        data = data[written:]
        at += written


def describe(
    path: Path,
    piece_length: int | None = None,
    report: Callable[[int], None] | None = None,
) -> Metainfo:
    """The metainfo of a file, or of a folder with all files in it; reads and hashes all bytes.

    `report` gets the number of bytes read so far. Raises MetainfoError for what no torrent can
    hold, CorruptError when a file changes meanwhile, OSError as the disk does.
    """
    files = _files_of(path)
    total = sum(length for _, length in files)
    piece_length = piece_length or choose_piece_length(total)

    def hashes() -> Iterator[bytes]:
        done = filled = 0
        hasher = hashlib.sha1()
        for chunk in _chunks(path, files, piece_length):
            hasher.update(chunk)
            done += len(chunk)
            filled += len(chunk)
            if filled == piece_length:
                yield hasher.digest()
                hasher, filled = hashlib.sha1(), 0
            if report is not None:
                report(done)
        if filled:
            yield hasher.digest()

    single = files[0][0] == ()
    return Metainfo.build(path.name, total if single else files, piece_length, hashes())


def _files_of(path: Path) -> list[tuple[tuple[str, ...], int]]:
    """Path below `path` and length of each file, sorted; a file itself has the path ()."""
    found = []
    left: list[tuple[str, ...]] = [()]
    while left:
        parts = left.pop()
        here = path.joinpath(*parts)
        state = here.lstat()
        if stat.S_ISDIR(state.st_mode):
            left += [(*parts, inner.name) for inner in here.iterdir()]
        elif stat.S_ISREG(state.st_mode):
            found.append((parts, state.st_size))
        else:
            kind = "a symlink" if stat.S_ISLNK(state.st_mode) else "no regular file"
            raise MetainfoError(f"{here} is {kind}, expected files and folders only")
    if not found:
        raise MetainfoError(f"{path} is empty, expected at least one file in the folder")
    return sorted(found)


def _chunks(
    path: Path, files: Sequence[tuple[tuple[str, ...], int]], piece_length: int
) -> Iterator[memoryview]:
    """The bytes of all files, cut where a piece ends, and before it gets large."""
    buffer = memoryview(bytearray(min(_CHUNK, piece_length)))
    room = piece_length
    for parts, length in files:
        left = length
        with path.joinpath(*parts).open("rb", buffering=0) as file:
            while count := file.readinto(buffer[: min(len(buffer), room)]):
                yield buffer[:count]
                left -= count
                room = room - count or piece_length
        if left:
            raise CorruptError(f"{path.joinpath(*parts)} changed while it was read")
