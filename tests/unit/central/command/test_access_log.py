"""central.command.access_log: every line is written, and who does not read them holds nobody up."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import host.clock
from central.access.log import Request, format_line
from central.command import access_log
from central.command.access_log import AccessLog, open_log


def request(number: int) -> Request:
    return Request(
        address="127.0.0.1",
        user="-",
        date=datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        line=f"GET /{number} HTTP/1.1",
        status=200,
        sent=number,
    )


def text(*numbers: int) -> str:
    return "".join(f"{format_line(request(number))}\n" for number in numbers)


def logged(descriptor: int, use: Callable[[AccessLog], Awaitable[None]]) -> list[str]:
    """What is warned of while `use` has a log that writes to `descriptor`."""
    warnings: list[str] = []

    async def main() -> None:
        log = AccessLog(descriptor, warnings.append)
        try:
            await use(log)
        finally:
            log.close()

    host.clock.run(main(), clock="real")
    return warnings


async def seconds(limit: float, reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(limit):
        while not reached():
            await asyncio.sleep(0.01)


def test_a_line_is_there_soon_and_the_rest_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("old\n")

    async def use(log: AccessLog) -> None:
        log(request(1))
        log(request(2))
        await seconds(10, lambda: path.read_text() == "old\n" + text(1, 2))
        log(request(3))

    assert logged(open_log(str(path)), use) == []
    assert path.read_text() == "old\n" + text(1, 2, 3)


def test_its_places(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def use(log: AccessLog) -> None:
        log(request(1))

    logged(open_log("-"), use)
    assert capfd.readouterr() == (text(1), "")
    logged(open_log(None), use)
    assert capfd.readouterr() == ("", text(1))
    with pytest.raises(FileNotFoundError):
        open_log(str(tmp_path / "no" / "where"))


def test_a_full_disk_is_told_of_once_and_ends_nothing() -> None:
    async def use(log: AccessLog) -> None:
        for number in range(3):
            log(request(number))
            await asyncio.sleep(2 * access_log.FLUSH_S)

    full = os.open("/dev/full", os.O_WRONLY)
    reason = os.strerror(errno.ENOSPC)
    assert logged(full, use) == [f"access log: {reason}, lines are lost"]


def test_a_reader_that_sleeps_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "MOST_WAITING", 2000)
    monkeypatch.setattr(access_log, "LAST_WORDS_S", 0.05)
    read, write = os.pipe()

    async def use(log: AccessLog) -> None:
        for number in range(3000):
            log(request(number))

    assert logged(write, use) == ["access log: its reader is too slow, lines are lost"]
    # Now it reads: the thread ends as soon as it has said all that was kept.
    got = b""
    while len(got) < len(text(*range(2000))):
        got += os.read(read, 65536)
    assert got.decode() == text(*range(2000))
    os.close(read)
