"""Tokens at the door of central.http: what they open, limit and end."""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from http_site import CLOSE, HttpSite, get, split
from lab import Lab, RunLab
from recorders import payload

from central.access.guard import POLL_S
from central.access.guard import Guard as RealGuard
from central.access.store import Store
from central.errors import DeniedError
from host.clock import Clock

BIG = 8_000_000
CONTENT = payload(8000) * 1000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"content of a")
    (root / "big").write_bytes(CONTENT)
    return root


class Permit:
    """One bearer's, whose rate, downloads and end the test decides."""

    name = "anna"

    def __init__(self, rate: float = math.inf) -> None:
        self.rate = rate
        self.reserved: list[float] = []
        self.refunded: list[float] = []
        self.stop: Callable[[], None] | None = None
        self.waited = 0
        self.used_up = False

    def reserve(self, share: float) -> None:
        if self.used_up:
            raise DeniedError("used up", known=True)
        self.reserved.append(share)

    def refund(self, share: float) -> None:
        self.refunded.append(share)

    def stretch(self, most: int) -> int:
        return most if self.rate == math.inf else min(most, max(1, int(self.rate / 4)))

    async def pace(self, size: int) -> None:
        self.waited += size
        await asyncio.sleep(size / self.rate)

    @contextmanager
    def using(self, stop: Callable[[], None]) -> Iterator[None]:
        self.stop = stop
        try:
            yield
        finally:
            self.stop = None


class Guard:
    """Knows `good`, which may read; and `writer`, which may write as well."""

    open = False

    def __init__(self, permit: Permit) -> None:
        self.permit = permit

    def check(self, token: str | None, right: str) -> Permit:
        if token not in ("good", "writer"):
            raise DeniedError("a valid token is needed")
        if right == "write" and token != "writer":
            raise DeniedError("it does not permit that", known=True)
        return self.permit

    async def close(self) -> None:
        pass


def guarded(lab: Lab, root: Path, permit: Permit, **options: Any) -> HttpSite:
    guard: Any = Guard(permit)
    return HttpSite(lab, root, guard=lambda host: guard, **options)


BEARER = "Authorization: Bearer good"


def test_without_a_token_nothing_is_told(run_lab: RunLab, root: Path) -> None:
    """Neither which files there are nor which methods, and every answer is the same."""

    async def body(lab: Lab) -> None:
        async with guarded(lab, root, Permit(), writable=True) as site:
            seen = set()
            for credentials in ((), ("Authorization: Bearer bad",), ("Authorization: Digest x",)):
                for method in ("GET", "PUT", "OPTIONS", "DELETE"):
                    for target in ("/a", "/none", "/", "/../a", "*", "/.hidden"):
                        whole = await site.ask(get(target, method, *credentials, CLOSE))
                        seen.add(whole)
            (only,) = seen
            answer = split(only)
            assert answer.status == 401
            assert answer["www-authenticate"] == 'Bearer realm="files", Basic realm="files"'
            assert {request.user for request in site.log} == {"-"}

    run_lab(body)


@pytest.mark.parametrize(
    "credentials",
    [
        "Bearer good",
        "bearer good",
        "Basic YW55Ym9keTpnb29k",  # anybody:good
        "basic Omdvb2Q=",  # :good
    ],
)
def test_a_token_opens_the_door(run_lab: RunLab, root: Path, credentials: str) -> None:
    async def body(lab: Lab) -> None:
        async with guarded(lab, root, Permit()) as site:
            answer = await site.answer("/a", "GET", f"Authorization: {credentials}")
            assert (answer.status, answer.body) == (200, b"content of a")
            assert site.log[0].user == "anna"

    run_lab(body)


def test_a_token_for_reading_writes_nothing(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with guarded(lab, root, Permit(), writable=True) as site:
            seen = set()
            for target in ("/a", "/none", "/../a", "/folder/"):
                request = get(target, "PUT", BEARER, "Content-Length: 3", CLOSE)
                seen.add(await site.ask(request + b"abc"))
            (only,) = seen
            assert split(only).status == 403
            request = get("/new", "PUT", "Authorization: Bearer writer", "Content-Length: 3", CLOSE)
            assert split(await site.ask(request + b"abc")).status == 201

    run_lab(body)
    assert (root / "a").read_bytes() == b"content of a"


@pytest.mark.parametrize("target", ["/a", "/big"])
def test_a_token_that_is_used_up(run_lab: RunLab, root: Path, target: str) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit()
        async with guarded(lab, root, permit) as site:
            assert (await site.answer(target, "GET", BEARER)).status == 200
            assert (await site.answer(target, "GET", BEARER, "Range: bytes=0-2")).status == 206
            size = (root / target[1:]).stat().st_size
            assert permit.reserved == [1.0, 3 / size]
            assert permit.refunded == []
            permit.used_up = True
            assert (await site.answer(target, "GET", BEARER)).status == 403
            # What sends nothing of a file uses nothing up.
            assert (await site.answer(target, "HEAD", BEARER)).status == 200
            assert (await site.answer(target, "GET", BEARER, "If-None-Match: *")).status == 304

    run_lab(body)


def test_a_token_sets_the_pace(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(rate=BIG / 10)
        async with guarded(lab, root, permit) as site:
            assert (await site.answer("/big", "GET", BEARER)).body == CONTENT
            assert lab.now == pytest.approx(10.0)
            begun = lab.now
            permit.rate = 4.0
            assert (await site.answer("/a", "GET", BEARER)).body == b"content of a"
            assert lab.now - begun == pytest.approx(3.0)
            assert permit.waited == BIG + 12

    run_lab(body)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_revoking_resets_what_is_under_way(
    run_lab: RunLab, root: Path, clock: Clock, method: str
) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(rate=BIG * 2)
        async with guarded(lab, root, permit, writable=True) as site:
            end = await site.open()
            length = "Content-Length: 1000000" if method == "PUT" else "X: y"
            request = get("/big", method, "Authorization: Bearer writer", length)
            end.transport.write(request + (b"x" * 1000 if method == "PUT" else b""))
            await asyncio.sleep(0.26)
            assert permit.stop is not None
            permit.stop()
            error = await end.lost
            assert isinstance(error, ConnectionResetError)
            assert site.admission.total == 0
            assert permit.stop is None
            (request_,) = site.log
            assert request_.user == "anna"
            if method == "GET":
                assert 0 < request_.sent < BIG
                assert permit.refunded == [(BIG - request_.sent) / BIG]
        assert sorted(path.name for path in root.iterdir()) == ["a", "big"]
        assert (root / "big").read_bytes() == CONTENT

    run_lab(body, clock=clock)


def test_a_reset_ends_what_waits_for_its_turn_at_once(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit(rate=1.0)  # a byte in a second
        async with guarded(lab, root, permit) as site:
            end = await site.open()
            end.transport.write(get("/big", "GET", BEARER))
            await asyncio.sleep(0.01)
            assert permit.stop is not None
            end.transport.reset()
            await end.lost
            await asyncio.sleep(0.01)
            assert permit.stop is None
            assert permit.refunded == [1.0]

    run_lab(body)


def test_what_was_not_sent_is_refunded(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        permit = Permit()
        async with guarded(lab, root, permit, up=BIG / 10) as site:
            end = await site.open()
            end.transport.write(get("/big", "GET", BEARER))
            await asyncio.sleep(5.0)
            end.transport.abort()
            await end.lost
            await asyncio.sleep(0.1)
            assert permit.reserved == [1.0]
            (refund,) = permit.refunded
            assert refund == pytest.approx(0.5, abs=0.02)
            assert site.log[0].sent == pytest.approx(BIG / 2, rel=0.02)

    run_lab(body)


# ---- with a token file


def gated(lab: Lab, root: Path, **options: Any) -> tuple[HttpSite, Store]:
    """A site with a token file, and somebody else's view of that file."""
    path = lab.folder / "tokens"
    others = Store(path, create=True)
    site = HttpSite(lab, root, guard=lambda host: RealGuard(host, Store(path)), **options)
    return site, others


def test_a_token_is_granted_and_revoked_while_the_server_runs(
    run_lab: RunLab, root: Path, clock: Clock
) -> None:
    async def body(lab: Lab) -> None:
        site, others = gated(lab, root, up=BIG / 100 if clock == "virtual" else math.inf)
        bearer = "Authorization: Bearer fsl_one"
        async with site:
            assert (await site.answer("/a", "GET", bearer)).status == 401
            now = site.host.date().timestamp()
            rate = BIG / 100
            others.grant("bob", token="fsl_one", now=now, rate=rate)
            await asyncio.sleep(1.5 * POLL_S)
            answer = await site.answer("/a", "GET", bearer)
            assert (answer.status, answer.body) == (200, b"content of a")
            end = await site.open()
            end.transport.write(get("/big", "GET", bearer))
            await end.has(10_000)
            others.revoke("bob", now=now)
            revoked = lab.now
            assert isinstance(await end.lost, ConnectionResetError)
            assert lab.now - revoked < 3 * POLL_S
            assert (await site.answer("/a", "GET", bearer)).status == 401
            assert [request.user for request in site.log] == ["-", "bob", "bob", "-"]
        others.close()

    run_lab(body, clock=clock)


def test_a_download_that_is_resumed_counts_once(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        site, others = gated(lab, root, up=BIG / 10)
        bearer = "Authorization: Bearer fsl_one"
        now = site.host.date().timestamp()
        others.grant("bob", token="fsl_one", now=now, downloads=1)
        await asyncio.sleep(1.5 * POLL_S)
        async with site:
            end = await site.open()
            end.transport.write(get("/big", "GET", bearer))
            await end.has(BIG // 2)
            end.transport.abort()
            await end.lost
            had = len(split(end.data).body)
            await asyncio.sleep(1.0)
            rest = await site.answer("/big", "GET", bearer, f"Range: bytes={had}-")
            assert (rest.status, rest.body) == (206, CONTENT[had:])
            assert (await site.answer("/a", "GET", bearer)).status == 403
        others.close()

    run_lab(body)
