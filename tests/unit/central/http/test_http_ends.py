"""central.http.connection: the last answer arrives, whatever the client sends behind its request.

The times are those of the emulated uplink, to the moment.
"""

import asyncio
from pathlib import Path

import pytest
from http_site import CLOSE, HttpSite, get, split, split_all
from lab import Lab, RunLab
from recorders import Recorder, payload

from central.config import Limits
from central.house import LINGERING
from central.http import page
from central.http.connection import LINGER_BYTES, LINGER_S

SIZE = 60_000
BIG = 20_000_000
"""Bytes: more than a kernel takes at once."""

RATE = 10_000.0
"""Bytes per second: the answer takes six seconds, three times as long as anyone lingers."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "small").write_bytes(payload(SIZE))
    (root / "large").write_bytes(payload(2 * SIZE))
    return root


async def leave(end: Recorder) -> None:
    end.transport.close()
    await end.lost


@pytest.mark.parametrize(
    "tail", [b"", b"\r\n", b"\r\n\r\n", b"\r", b"x", get("/small"), b"x" * (2 * LINGER_BYTES)]
)
@pytest.mark.parametrize("target", ["/small", "/large"])
def test_what_follows_the_last_request_cuts_nothing(
    run_lab: RunLab, root: Path, target: str, tail: bytes
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, up=RATE) as site:
            end = await site.open()
            end.transport.write(get(target, "GET", CLOSE) + tail)
            await end.ended
            answer = split(end.data)
            assert answer.body == payload(int(answer["content-length"]))
            assert len(answer.body) in (SIZE, 2 * SIZE)
            assert len(end.data) / RATE <= lab.now < len(end.data) / RATE + 0.1
            assert site.statuses == [200]
            await leave(end)

    run_lab(body)


def test_what_comes_while_the_last_answer_goes_out_cuts_nothing(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the kernel's own sockets, which are reset when closed with something unread."""
    monkeypatch.setattr(page, "write_json", lambda path, entries: bytes(BIG))

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            end.transport.pause_reading()
            end.transport.write(get("/", "GET", CLOSE))
            await asyncio.sleep(0.2)
            end.transport.write(b"\r\n")
            await asyncio.sleep(0.1)
            end.transport.resume_reading()
            await end.ended
            assert len(split(end.data).body) == BIG
            await leave(end)

    run_lab(body, clock="real")


def test_a_pipeline_arrives_whole(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, up=RATE) as site:
            whole = await site.ask(get("/small") * 2 + get("/small", "GET", CLOSE) + get("/large"))
            assert [answer.body for answer in split_all(whole)] == [payload(SIZE)] * 3
            assert site.statuses == [200] * 3

    run_lab(body)


def test_who_does_not_go_is_sent_away_when_all_has_gone_out(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, up=RATE) as site:
            end = await site.open()
            end.transport.write(get("/small", "GET", CLOSE) + get("/small"))
            await end.ended
            sent = lab.now
            assert len(site.server._house.guests) == 1
            while site.server._house.guests:
                await asyncio.sleep(0.01)
            assert lab.now == pytest.approx(sent + LINGER_S, abs=0.02)
            await leave(end)

    run_lab(body)


@pytest.mark.parametrize("full", [False, True])
def test_who_does_not_take_its_last_answer_is_cut_off(
    run_lab: RunLab, root: Path, full: bool
) -> None:
    """Also where nobody more may linger, and the connection is closed already."""

    async def body(lab: Lab) -> None:
        limits = Limits(least_rate=1000.0, rate_s=5.0)
        async with HttpSite(lab, root, up=900.0, limits=limits) as site:
            if full:
                site.server._house._lingering = dict.fromkeys(  # type: ignore[assignment]
                    range(LINGERING)
                )
            end = await site.open()
            end.transport.write(get("/small", "GET", CLOSE) + get("/small"))
            await end.lost if full else await end.ended
            assert lab.now == pytest.approx(5.0)
            assert len(end.data) < 5000
            await leave(end)

    run_lab(body)
