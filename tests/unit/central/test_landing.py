"""central.landing: what is kept of what comes, under every way that it can stop coming."""

import asyncio
import errno
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from lab import Lab, RunLab
from recorders import payload

from central.errors import CentralError, CorruptError, DiskError, TransferError
from central.landing import BUFFER_MAX, MAX_NOTE, Landing
from central.link import Link
from host.clock import Clock
from host.files import PartialFile
from host.host import Host

LINK = Link("http", "127.0.0.1", 8080, "dir/file")
SIZE = 200_000
DATA = payload(SIZE)
HASH = hashlib.sha256(DATA).hexdigest()
SURE = Link("http", "127.0.0.1", 8080, "dir/file", HASH)
SOURCE = "http://127.0.0.1:8080/dir/file"


async def opened(host: Host, link: Link = LINK, **options: Any) -> Landing:
    return await Landing.open(host, host.directory / "file", link, **options)


def names(host: Host) -> list[str]:
    return sorted(path.name for path in host.directory.iterdir())


def leave(host: Host, part: bytes | None, note: Any) -> None:
    """What an earlier transfer has left."""
    if part is not None:
        (host.directory / "file.part").write_bytes(part)
    text = note if isinstance(note, bytes) else json.dumps(note).encode()
    (host.directory / "file.part.json").write_bytes(text)


def note(**changed: Any) -> dict[str, Any]:
    return {"source": SOURCE, "etag": "one", "sha256": None, "size": SIZE} | changed


PARTS = ["file.part", "file.part.json"]


# ---- bytes in, file out


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, SIZE, 3 * BUFFER_MAX + 1])
@pytest.mark.parametrize("step", [1000, 65_536, 10_000_000])
@pytest.mark.parametrize("known", [True, False])
def test_what_is_written_is_the_file(
    run_lab: RunLab, clock: Clock, size: int, step: int, known: bool
) -> None:
    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(size)
        landing = await opened(host)
        assert (landing.received, landing.size, landing.etag, landing.sha256) == (0, *[None] * 3)
        digest = hashlib.sha256(data).hexdigest()
        landing.begin(0, size if known else None, "one", digest)
        for start in range(0, size, step):
            await landing.write(data[start : start + step])
        if not known:
            assert landing.size is None
            landing.finish()
        assert landing.received == landing.size == size
        assert await landing.commit() == host.directory / "file"
        await landing.close()
        assert (host.directory / "file").read_bytes() == data
        assert names(host) == ["file"]

    run_lab(body, clock=clock)


def test_the_buffers_take_turns(run_lab: RunLab, clock: Clock) -> None:
    """A protocol fills `buffer`, stops when it is `crowded`, and goes on at `on_room`."""

    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(10 * BUFFER_MAX)
        landing = await opened(host)
        landing.begin(0, len(data), None, None)
        room = asyncio.Event()
        landing.on_room = room.set
        crowded = 0
        while landing.received < len(data):
            while not landing.crowded and landing.received < len(data):
                buffer = landing.buffer()
                assert 0 < len(buffer) <= BUFFER_MAX
                piece = data[landing.received : landing.received + len(buffer)]
                buffer[: len(piece)] = piece
                landing.took(len(piece))
            if landing.crowded:
                crowded += 1
                room.clear()
                await room.wait()
        assert crowded > 0
        await landing.commit()
        await landing.close()
        assert (host.directory / "file").read_bytes() == data

    run_lab(body, clock=clock)


def test_more_than_the_file_has_is_not_taken(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host)
        landing.begin(0, 10, "one", None)
        with pytest.raises(TransferError, match="more came than the 10 bytes it has"):
            await landing.write(bytes(11))
        await landing.close()
        landing = await opened(host)
        assert landing.received <= 10
        await landing.close()

    run_lab(body)


@pytest.mark.parametrize("size", [100, None])
def test_what_is_not_whole_is_not_committed(run_lab: RunLab, size: int | None) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host)
        landing.begin(0, size, "one", None)
        await landing.write(bytes(99))
        with pytest.raises(TransferError, match="99 of"):
            await landing.commit()
        await landing.close()
        assert names(host) == PARTS

    run_lab(body)


@pytest.mark.parametrize("link", [SURE, LINK])
def test_a_wrong_file_is_removed_and_spares_the_finished_one(run_lab: RunLab, link: Link) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        (host.directory / "file").write_bytes(b"finished")
        landing = await opened(host, link)
        landing.begin(0, 3, "one", None if link.sha256 else HASH)
        await landing.write(b"abc")
        with pytest.raises(CorruptError, match=f"dir/file: its SHA-256 is not {HASH}"):
            await landing.commit()
        await landing.close()
        assert names(host) == ["file"]
        assert (host.directory / "file").read_bytes() == b"finished"

    run_lab(body)


# ---- beginnings that fit, and others


@pytest.mark.parametrize("have", [1, 70_000, SIZE])
@pytest.mark.parametrize("link", [SURE, LINK])
def test_another_transfer_goes_on(run_lab: RunLab, clock: Clock, have: int, link: Link) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host, link)
        landing.begin(0, SIZE, "one", None)
        await landing.write(DATA[:have])
        await landing.close()
        assert names(host) == PARTS
        landing = await opened(host, link)
        assert (landing.received, landing.size, landing.etag) == (have, None, "one")
        landing.begin(have, SIZE, "one", None)
        await landing.write(DATA[have:])
        await landing.commit()
        await landing.close()
        assert (host.directory / "file").read_bytes() == DATA
        assert names(host) == ["file"]

    run_lab(body, clock=clock)


def test_unless_it_is_not_to(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        leave(host, DATA[:100], note())
        landing = await opened(host, resume=False)
        assert (landing.received, landing.etag) == (0, None)
        landing.begin(0, 3, None, None)
        await landing.write(b"abc")
        await landing.commit()
        await landing.close()
        assert (host.directory / "file").read_bytes() == b"abc"

    run_lab(body)


@pytest.mark.parametrize(
    ("left", "link", "received", "etag"),
    [
        (note(), LINK, 100, "one"),
        (note(), SURE, 100, "one"),
        (note(sha256=HASH, etag=None), LINK, 100, None),
        (note(sha256=HASH, etag=None), SURE, 100, None),
        (note(size=None), LINK, 100, "one"),
        (note(size=60), LINK, 60, "one"),
        (note(size=0), LINK, 0, "one"),
        (note(etag=None), SURE, 100, None),
        # Another server has the same file, and another name for it.
        (note(source="http://127.0.0.1:9/file", sha256=HASH), SURE, 100, None),
        (note(source="http://127.0.0.1:9/file", sha256=HASH), LINK, 0, None),
        (note(source="http://127.0.0.1:9/file"), LINK, 0, None),
        (note(source="http://127.0.0.1:9/file"), SURE, 0, None),
        (note(sha256="0" * 64), SURE, 0, None),
        (note(etag=None), LINK, 0, None),
        (note(size=-1), LINK, 0, None),
        (note(size="1"), LINK, 0, None),
        (note(sha256="A" * 64), LINK, 0, None),
        (note(sha256="0" * 63), LINK, 0, None),
        (note(etag=5), LINK, 0, None),
        ({"source": SOURCE}, LINK, 0, None),
        ([], LINK, 0, None),
        (b"", LINK, 0, None),
        (b"\xff", LINK, 0, None),
        (json.dumps(note()).encode()[:-1], LINK, 0, None),
        (b"[" * 60_000, LINK, 0, None),
        (json.dumps(note()).encode() + b" " * MAX_NOTE, LINK, 100, "one"),
        (b" " * MAX_NOTE + json.dumps(note()).encode(), LINK, 0, None),
    ],
)
def test_what_a_part_is_the_beginning_of(
    run_lab: RunLab, left: Any, link: Link, received: int, etag: str | None
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        leave(host, DATA[:100], left)
        before = (host.directory / "file.part.json").read_bytes()
        landing = await opened(host, link)
        assert (landing.received, landing.etag) == (received, etag)
        await landing.close()
        # Who only looked has changed nothing.
        assert (host.directory / "file.part").read_bytes() == DATA[:100]
        assert (host.directory / "file.part.json").read_bytes() == before
        landing = await opened(host, link)
        if received < SIZE and left != note(size=60) and left != note(size=0):
            landing.begin(received, SIZE, etag, None)
            await landing.write(DATA[received:])
            await landing.commit()
            assert (host.directory / "file").read_bytes() == DATA
        await landing.close()

    run_lab(body)


def test_a_note_that_cannot_be_read(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        (host.directory / "file.part").write_bytes(DATA[:100])
        (host.directory / "file.part.json").mkdir()
        landing = await opened(host)
        assert landing.received == 0
        with pytest.raises(DiskError, match=r"file: Is a directory"):
            landing.begin(0, SIZE, "one", None)
        await landing.close()

    run_lab(body)


@pytest.mark.parametrize(
    ("offset", "size", "etag", "sha256"),
    [
        (100, SIZE + 1, "one", None),
        (100, SIZE, "two", None),
        (100, SIZE, None, None),
        (100, SIZE, "one", "0" * 64),
        (100, None, "one", None),
        (100, 99, "one", None),
        (99, SIZE, "one", None),
        (101, SIZE, "one", None),
    ],
)
def test_what_does_not_fit_what_is_here(
    run_lab: RunLab, offset: int, size: int | None, etag: str | None, sha256: str | None
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        leave(host, DATA[:100], note(sha256=HASH))
        for stage in ("resumed", "begun"):
            landing = await opened(host)
            if stage == "begun":
                landing.begin(100, SIZE, "one", None)
            with pytest.raises(TransferError, match="dir/file: the file changed while"):
                landing.begin(offset, size, etag, sha256)
            await landing.close()
            assert (host.directory / "file.part").read_bytes() == DATA[:100]

    run_lab(body)


def test_a_server_with_another_file_than_the_links(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        leave(host, DATA[:100], note(sha256=HASH))
        landing = await opened(host, SURE)
        with pytest.raises(CorruptError, match="another file than the link's"):
            landing.begin(100, SIZE, "one", "0" * 64)
        await landing.close()
        assert (host.directory / "file.part").read_bytes() == DATA[:100]

    run_lab(body)


def test_a_digest_heard_once_is_checked_although_nobody_repeats_it(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host)
        landing.begin(0, SIZE, "one", HASH)
        await landing.write(bytes(100))
        await landing.close()
        landing = await opened(host)
        landing.begin(100, SIZE, "one", None)
        await landing.write(DATA[100:])
        with pytest.raises(CorruptError):
            await landing.commit()
        await landing.close()

    run_lab(body)


@pytest.mark.parametrize("have", [100, 190_000])
def test_a_file_may_be_begun_anew(run_lab: RunLab, clock: Clock, have: int) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host)
        landing.begin(0, SIZE, "one", HASH)
        await landing.write(bytes(have))
        with pytest.raises(TransferError, match="changed while"):
            landing.begin(0, 5, "two", None)
        await landing.settle()
        landing.begin(0, 5, "two", None)
        assert (landing.received, landing.sha256) == (0, None)
        assert (host.directory / "file.part").read_bytes() == b""
        await landing.write(b"abcde")
        await landing.commit()
        await landing.close()
        assert (host.directory / "file").read_bytes() == b"abcde"

    run_lab(body, clock=clock)


def test_stretches_of_one_file(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host, SURE)
        for start in range(0, SIZE, 30_000):
            landing.begin(start, SIZE, "one", HASH if not start else None)
            await landing.write(DATA[start : start + 30_000])
        await landing.commit()
        await landing.close()
        assert (host.directory / "file").read_bytes() == DATA

    run_lab(body)


# ---- the disk


class Disk:
    """A disk with room for so many bytes takes what fits, as a real one does, and then no more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.pwrite

    def pwrite(self, descriptor: int, data: Any, offset: int) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: self.room], offset)
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 65_536, 100_000, SIZE - 1])
def test_a_full_disk_then_room_again(
    run_lab: RunLab, clock: Clock, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        disk = Disk(room)
        landing = await opened(host)
        landing.begin(0, SIZE, "one", None)
        told = []
        landing.on_room = lambda: told.append(landing.crowded)
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", disk.pwrite)
            with pytest.raises(DiskError, match=r"client/file: No space left on device"):
                await landing.write(DATA)
                await landing.commit()
            with pytest.raises(DiskError):
                landing.took(0)
            await landing.close()
        assert told
        assert landing.received == room
        if not room:
            assert names(host) == []
            return
        landing = await opened(host)
        assert landing.received == room
        landing.begin(room, SIZE, "one", None)
        await landing.write(DATA[room:])
        await landing.commit()
        await landing.close()
        assert (host.directory / "file").read_bytes() == DATA

    run_lab(body, clock=clock)


def test_who_is_held_back_by_a_full_disk_is_told(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A protocol that has paused its reading goes on, and with its next bytes meets the error."""

    async def body(lab: Lab) -> None:
        landing = await opened(lab.host("a"))
        gate = threading.Event()

        def full(*_: Any) -> int:
            gate.wait()
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "pwrite", full)
        told = asyncio.Event()
        landing.on_room = told.set
        landing.begin(0, SIZE, None, None)
        while not landing.crowded:
            landing.took(len(landing.buffer()))
        gate.set()
        await told.wait()
        assert not landing.crowded
        with pytest.raises(DiskError, match="No space left on device"):
            landing.took(1)
        await landing.close()

    run_lab(body, clock="real")


@pytest.mark.parametrize("call", ["ftruncate", "fsync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_another_call(
    run_lab: RunLab, clock: Clock, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    def fail(*args: Any) -> None:
        raise OSError(number, os.strerror(number))

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host)
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(DiskError, match=f"client/file: {os.strerror(number)}"):
                landing.begin(0, SIZE, "one", None)
                await landing.write(DATA)
                await landing.commit()
            await landing.close()
        assert names(host) == ([] if call == "ftruncate" else PARTS)

    run_lab(body, clock=clock)


def test_a_thread_that_fails_in_a_way_of_its_own_leaves_nothing_to_commit(
    run_lab: RunLab, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are missing then, also where no digest would tell."""
    error = MemoryError("no room to hash")

    def fail(*_: Any) -> int:
        raise error

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        landing = await opened(host)
        landing.begin(0, SIZE, "one", None)
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", fail)
            landing.buffer()[:] = DATA[: len(landing.buffer())]
            landing.took(len(landing.buffer()))
            while landing._storing is not None:
                await asyncio.sleep(0)
        for use in (landing.settle(), landing.write(DATA[landing.received :]), landing.commit()):
            with pytest.raises(MemoryError) as caught:
                await use
            assert caught.value is error
        with pytest.raises(MemoryError):
            await landing.close()
        assert names(host) == []

    run_lab(body, clock=clock)


@pytest.mark.parametrize("what", ["symlink", "fifo", "folder"])
def test_a_part_that_is_no_file_of_ours(run_lab: RunLab, what: str) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        part, secret = host.directory / "file.part", host.directory / "secret"
        secret.write_bytes(b"secret")
        if what == "symlink":
            part.symlink_to(secret)
        elif what == "fifo":
            os.mkfifo(part)
        else:
            part.mkdir()
        expected = "symbolic link is in the way|is no regular file|Is a directory"
        with pytest.raises(DiskError, match=expected):
            await opened(host)
        assert secret.read_bytes() == b"secret"

    run_lab(body)


def test_two_on_their_way_to_one_file(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        first = await opened(host)
        first.begin(0, SIZE, "one", None)
        await first.write(DATA[:100])
        with pytest.raises(DiskError, match=r"file\.part is being written by another transfer"):
            await opened(host)
        await first.write(DATA[100:])
        await first.commit()
        second = await opened(host)
        assert second.received == 0
        await second.close()
        await first.close()
        assert names(host) == ["file"]
        assert (host.directory / "file").read_bytes() == DATA

    run_lab(body)


def test_data_then_name_then_folder_reach_the_disk(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        synced: list[tuple[str, list[str]]] = []

        def fsync(descriptor: int) -> None:
            target = Path(f"/proc/self/fd/{descriptor}").readlink()
            synced.append((target.name, names(host)))

        monkeypatch.setattr(os, "fsync", fsync)
        landing = await opened(host)
        landing.begin(0, 3, "one", None)
        await landing.write(b"abc")
        await landing.commit()
        await landing.close()
        assert synced == [("file.part", PARTS), ("client", ["file", "file.part.json"])]
        assert names(host) == ["file"]

    run_lab(body)


# ---- given up


def landing_is_held(host: Host) -> bool:
    """Whether a part there is locked by somebody."""
    try:
        PartialFile(host.directory / "file", resume=True).leave()
    except FileExistsError:
        return True
    return False


@pytest.mark.parametrize("stage", ["open", "write", "settle", "commit", "close"])
def test_cancelled_while_a_thread_has_the_file(
    run_lab: RunLab, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The thread is waited for, or lets go of the file itself; nothing is closed under it."""
    calls = {"open": "pread", "commit": "fsync"}
    name = calls.get(stage, "pwrite")
    real = getattr(os, name)
    entered, go_on = threading.Event(), threading.Event()
    used: list[int] = []

    def slow(descriptor: int, *args: Any) -> Any:
        entered.set()
        assert go_on.wait(10)
        used.append(os.fstat(descriptor).st_ino)
        return real(descriptor, *args)

    async def at_work(host: Host) -> None:
        landing = await opened(host)
        try:
            landing.begin(landing.received, SIZE, "one", None)
            while stage in ("write", "settle", "close") and landing.received < 180_000:
                await landing.write(DATA[landing.received : landing.received + 90_000])
            if stage == "settle":
                await landing.settle()
            elif stage == "commit":
                await landing.write(DATA[landing.received :])
                await landing.commit()
        finally:
            await landing.close()

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        if stage == "open":
            leave(host, DATA[:100], note())
        monkeypatch.setattr(os, name, slow)
        working = asyncio.ensure_future(at_work(host))
        while not entered.is_set():
            await asyncio.sleep(0.001)
        for _ in range(3):
            working.cancel()
            await asyncio.sleep(0.001)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await working
        while landing_is_held(host):
            await asyncio.sleep(0.001)
        monkeypatch.setattr(os, name, real)
        # Nobody holds the part any more, and what is in it is good.
        landing = await opened(host)
        if stage == "commit":
            assert (host.directory / "file").read_bytes() == DATA
            assert landing.received == 0
        else:
            assert landing.received >= (100 if stage == "open" else 65_536)
            part = (host.directory / "file.part").read_bytes()
            assert part == DATA[: len(part)]
        await landing.close()
        assert len(set(used)) == (2 if stage == "commit" else 1)

    run_lab(body, clock="real")


def test_errors_are_our_own(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        for directory in (host.directory / "missing", host.directory / ("x" * 300)):
            with pytest.raises(CentralError) as caught:
                await Landing.open(host, directory / "file", LINK)
            assert "\n" not in str(caught.value)
        # A name that leaves no room for the note's.
        landing = await Landing.open(host, host.directory / ("x" * 250), LINK)
        with pytest.raises(DiskError, match="File name too long"):
            landing.begin(0, 1, None, None)
        await landing.close()
        assert names(host) == []

    run_lab(body)
