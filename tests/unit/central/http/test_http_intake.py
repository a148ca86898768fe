"""central.http.intake: PUT, and what it leaves when it fails."""

import asyncio
import base64
import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from http_site import CLOSE, HttpSite, get, split, split_all
from lab import Lab, RunLab
from recorders import payload

from central.config import ClientConfig, Limits
from central.http import client
from central.http.connection import READ_AHEAD
from central.link import Link
from host.clock import Clock

SIZE = 300_001


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "old").write_bytes(b"old content")
    return root


def left(root: Path) -> list[str]:
    """Every file there is, hidden ones too."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def put(target: str, content: bytes, *headers: str) -> bytes:
    return get(target, "PUT", f"Content-Length: {len(content)}", *headers) + content


def put_chunks(target: str, content: bytes, step: int, *headers: str) -> bytes:
    chunks = [content[start : start + step] for start in range(0, len(content), step)]
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return get(target, "PUT", "Transfer-Encoding: chunked", *headers) + body + b"0\r\n\r\n"


def digest(content: bytes, name: str = "Repr-Digest") -> str:
    return f"{name}: sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@pytest.mark.parametrize("size", [0, 1, SIZE])
@pytest.mark.parametrize("chunked", [False, True])
def test_put_makes_a_file_and_replaces_it(
    run_lab: RunLab, root: Path, clock: Clock, size: int, chunked: bool
) -> None:
    content = payload(size)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            for target, status in (("/sub/new", 201), ("/sub/new", 204), ("/old", 204)):
                request = (
                    put_chunks(target, content, 4096, CLOSE)
                    if chunked
                    else put(target, content, CLOSE)
                )
                answer = split(await site.ask(request))
                assert (answer.status, answer.body) == (status, b"")
                assert ("content-length" in answer.headers) == (status == 201)
                got = await site.answer(target)
                assert (got.body, got["etag"]) == (content, answer["etag"])
            assert site.statuses == [201, 200, 204, 200, 204, 200]

    run_lab(body, clock=clock)
    assert left(root) == ["old", "sub/new"]
    assert (root / "sub" / "new").read_bytes() == (root / "old").read_bytes() == content


def test_requests_behind_a_body_are_answered(run_lab: RunLab, root: Path, clock: Clock) -> None:
    requests = [
        put("/a", payload(SIZE)),
        get("/a"),
        put_chunks("/b", payload(SIZE), 1000),
        get("/b"),
        put_chunks("/c", b"", 1),
        put("/d", b""),
        get("/none"),
        get("/b", "GET", CLOSE),
    ]

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            answers = split_all(await site.ask(b"".join(requests)))
            statuses = [answer.status for answer in answers]
            assert statuses == [201, 200, 201, 200, 201, 201, 404, 200]
            assert answers[1].body == answers[3].body == answers[-1].body == payload(SIZE)

    run_lab(body, clock=clock)


def test_a_body_in_the_smallest_pieces(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            for request in (put("/a", b"content", CLOSE), put_chunks("/b", b"content", 3, CLOSE)):
                end = await site.open()
                for byte in request:
                    end.transport.write(bytes([byte]))
                    await asyncio.sleep(0.01)
                await end.ended
                assert split(end.data).status == 201
                end.transport.close()
                await end.lost

    run_lab(body)
    assert (root / "a").read_bytes() == (root / "b").read_bytes() == b"content"


def test_continue_is_said_after_the_checks(run_lab: RunLab, root: Path) -> None:
    expect = "Expect: 100-continue"

    async def body(lab: Lab) -> None:
        limits = Limits(upload_bytes=1000)
        async with HttpSite(lab, root, writable=True, limits=limits) as site:
            end = await site.open()
            end.transport.write(get("/new", "PUT", "Content-Length: 3", expect))
            await end.has(10)
            await asyncio.sleep(1.0)
            assert end.data == b"HTTP/1.1 100 Continue\r\n\r\n"
            end.transport.write(b"abc")
            await end.has(30)
            assert [answer.status for answer in split_all(end.data)] == [100, 201]
            # One that has begun to send needs no leave.
            before = len(end.data)
            end.transport.write(get("/new", "PUT", "Content-Length: 3", expect) + b"abc")
            await end.has(before + 10)
            assert split(end.data[before:]).status == 204
            end.transport.close()
            await end.lost
            for target, size, headers, status in (
                ("/new", 1001, (), 413),
                ("/.hidden", 3, (), 403),
                ("/new", 3, ("If-None-Match: *",), 412),
                ("/new", 3, ("Content-Range: bytes 0-2/5",), 400),
                ("/new", 3, ("Content-Encoding: gzip",), 415),
                ("/new", 3, ("Repr-Digest: sha-256=:AA==:",), 400),
                ("/sub/", 3, (), 403),
                ("/", 3, (), 403),
                ("*", 3, (), 403),
            ):
                length = f"Content-Length: {size}"
                whole = await site.ask(get(target, "PUT", length, expect, *headers))
                answer = split(whole)
                assert (answer.status, answer["connection"]) == (status, "close")

    run_lab(body)
    assert left(root) == ["new", "old"]


def test_conditions_hold_for_what_is_there(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:

            async def status(target: str, condition: str) -> int:
                return split(await site.ask(put(target, b"x", condition, CLOSE))).status

            assert await status("/old", "If-None-Match: *") == 412
            assert await status("/new", "If-Match: *") == 412
            assert (root / "old").read_bytes() == b"old content"
            assert left(root) == ["old"]
            etag = (await site.answer("/old"))["etag"]
            assert await status("/old", 'If-Match: "other"') == 412
            assert await status("/old", f"If-Match: {etag}") == 204
            assert await status("/old", f"If-Match: {etag}") == 412
            assert await status("/new", "If-None-Match: *") == 201

    run_lab(body)


@pytest.mark.parametrize("name", ["Repr-Digest", "Content-Digest"])
def test_a_digest_is_checked(run_lab: RunLab, root: Path, name: str) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            for content, status in ((b"other", 400), (b"abc", 201)):
                request = put("/new", b"abc", digest(content, name), CLOSE)
                assert split(await site.ask(request)).status == status
            both = (digest(b"abc"), digest(b"abd", "Content-Digest"))
            assert split(await site.ask(put("/x", b"abc", *both, CLOSE))).status == 400
            only_others = ("Repr-Digest: sha-512=:AA==:",)
            assert split(await site.ask(put("/y", b"abc", *only_others, CLOSE))).status == 201

    run_lab(body)
    assert left(root) == ["new", "old", "y"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_that_is_too_large(run_lab: RunLab, root: Path, chunked: bool) -> None:
    async def body(lab: Lab) -> None:
        limits = Limits(upload_bytes=1000)
        async with HttpSite(lab, root, writable=True, limits=limits) as site:
            make: Callable[[bytes], bytes] = (
                (lambda content: put_chunks("/new", content, 100, CLOSE))
                if chunked
                else (lambda content: put("/new", content, CLOSE))
            )
            answer = split(await site.ask(make(bytes(1001))))
            assert (answer.status, answer.reason) == (413, "Content Too Large")
            assert left(root) == ["old"]
            assert split(await site.ask(make(bytes(1000)))).status == 201

    run_lab(body)


@pytest.mark.parametrize("how", ["abort", "close", "write_eof"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_breaks_off_leaves_nothing(
    run_lab: RunLab, root: Path, clock: Clock, how: str, chunked: bool
) -> None:
    request = put_chunks("/old", payload(SIZE), 1000) if chunked else put("/old", payload(SIZE))

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            end = await site.open()
            end.transport.write(request[:200_000])
            await asyncio.sleep(0.1)
            getattr(end.transport, how)()
            if how == "write_eof":
                await end.ended
                assert split(end.data).status == 400
                end.transport.close()
            await end.lost
            while site.admission.total:
                await asyncio.sleep(0.01)
            assert left(root) == ["old"]
            assert site.statuses == [400]

    run_lab(body, clock=clock)
    assert (root / "old").read_bytes() == b"old content"


def test_closing_the_server_leaves_nothing(run_lab: RunLab, root: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            end = await site.open()
            end.transport.write(put("/old", payload(SIZE))[:200_000])
            await asyncio.sleep(0.1)
            await site.server.close()
            end.transport.abort()
            await end.lost

    run_lab(body, clock=clock)
    assert left(root) == ["old"]
    assert (root / "old").read_bytes() == b"old content"


@pytest.mark.parametrize(
    ("error", "status"), [(errno.ENOSPC, 507), (errno.EDQUOT, 507), (errno.EIO, 500)]
)
@pytest.mark.parametrize("call", ["write", "commit"])
def test_a_disk_that_refuses(
    run_lab: RunLab, root: Path, error: int, status: int, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            begin = site.library.begin_upload

            def trouble(*args: object) -> None:
                raise OSError(error, os.strerror(error))

            def begin_in_trouble(path: str) -> object:
                upload = begin(path)
                monkeypatch.setattr(upload, call, trouble)
                return upload

            monkeypatch.setattr(site.library, "begin_upload", begin_in_trouble)
            answer = split(await site.ask(put("/old", payload(SIZE))))
            assert (answer.status, answer["connection"]) == (status, "close")

    run_lab(body)
    assert left(root) == ["old"]
    assert (root / "old").read_bytes() == b"old content"


def test_a_slow_disk_holds_the_client_back(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not on the disk yet waits with the client, and that is no fault of the client's."""

    async def body(lab: Lab) -> None:
        limits = Limits(least_rate=1024.0, rate_s=1.0)
        async with HttpSite(lab, root, writable=True, limits=limits) as site:

            async def compute(function: Callable[..., object], *args: object) -> object:
                await asyncio.sleep(5.0)
                return function(*args)

            monkeypatch.setattr(site.host, "compute", compute)
            end = await site.open()
            end.transport.write(put("/new", payload(2_000_000)))
            await asyncio.sleep(4.0)
            assert site.host.meter.down_bytes < 4 * READ_AHEAD
            await end.has(10)
            assert split(end.data).status == 201
            end.transport.close()
            await end.lost

    run_lab(body)
    assert (root / "new").read_bytes() == payload(2_000_000)


def test_two_uploads_of_one_path_are_not_mixed(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            first, second = await site.open(), await site.open()
            a, b = put("/new", b"a" * SIZE), put("/new", b"b" * SIZE)
            for start in range(0, len(a), 10_000):
                first.transport.write(a[start : start + 10_000])
                second.transport.write(b[start : start + 10_000])
                await asyncio.sleep(0.01)
            for end in (first, second):
                await end.has(10)
                assert split(end.data).status in (201, 204)
                end.transport.close()
                await end.lost

    run_lab(body)
    assert (root / "new").read_bytes() in (b"a" * SIZE, b"b" * SIZE)
    assert left(root) == ["new", "old"]


def test_a_library_that_is_not_writable(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            answer = split(await site.ask(put("/new", b"abc")))
            assert (answer.status, answer["allow"]) == (405, "GET, HEAD")
            assert answer["connection"] == "close"

    run_lab(body)
    assert left(root) == ["old"]


def test_a_library_that_is_writable_says_so(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            assert (await site.answer("/", "POST"))["allow"] == "GET, HEAD, PUT"

    run_lab(body)


async def put_later(site: HttpSite, target: str, content: bytes, condition: str) -> int:
    """The status of an upload whose body comes a second after its head."""
    end = await site.open()
    end.transport.write(get(target, "PUT", f"Content-Length: {len(content)}", condition))
    await asyncio.sleep(1.0)
    end.transport.write(content)
    await end.has(10)
    end.transport.close()
    await end.lost
    return split(end.data).status


def test_of_two_that_make_one_file_one_has_made_it(run_lab: RunLab, root: Path) -> None:
    """Conditions are judged again when the body has come."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            condition = "If-None-Match: *"
            both = [put_later(site, "/new", content, condition) for content in (b"one", b"two")]
            assert await asyncio.gather(*both) == [201, 412]
            assert (root / "new").read_bytes() == b"one"
            condition = f"If-Match: {(await site.answer('/old'))['etag']}"
            both = [put_later(site, "/old", content, condition) for content in (b"a", b"b")]
            assert await asyncio.gather(*both) == [204, 412]
            assert (root / "old").read_bytes() == b"a"

    run_lab(body)
    assert left(root) == ["new", "old"]


def test_whether_a_file_is_new_is_seen_when_it_has_come(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            both = [put_later(site, "/new", content, "X: y") for content in (b"one", b"two")]
            assert await asyncio.gather(*both) == [201, 204]

    run_lab(body)


@pytest.mark.parametrize("wants", [False, True])
def test_who_wants_a_digest_is_told_that_the_disk_takes_its_time(
    run_lab: RunLab, root: Path, wants: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may take 102 for their answer (http.client does)."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            slow_to_commit(site, 12.0, monkeypatch)
            wish = ("Want-Repr-Digest: sha-256=1",) if wants else ()
            whole = await site.ask(put("/new", b"abc", digest(b"abc"), *wish, CLOSE))
            answers = split_all(whole)
            assert [answer.status for answer in answers] == [102, 102, 201] if wants else [201]
            assert lab.now == 12.0
            given = answers[-1].headers.get("repr-digest")
            assert given == (digest(b"abc").partition(" ")[2] if wants else None)

    run_lab(body)


def slow_to_commit(site: HttpSite, seconds: float, patch: pytest.MonkeyPatch) -> None:
    """From now on a commit takes so long."""
    compute = site.host.compute

    async def slow(function: Callable[..., object], *args: object) -> object:
        if getattr(function, "__name__", "") == "commit":
            await asyncio.sleep(seconds)
        return await compute(function, *args)

    patch.setattr(site.host, "compute", slow)


def test_our_client_waits_for_a_slow_disk(
    run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            slow_to_commit(site, 100.0, monkeypatch)
            path = site.client.directory / "mine"
            path.write_bytes(b"abc")
            link = Link("http", *site.address, "new")
            await client.put(site.client, link, path, ClientConfig(patience_s=6.0))
            assert lab.now == 100.0
            while site.server._house.guests:
                await asyncio.sleep(0)
            assert site.statuses == [201]

    run_lab(body)
    assert (root / "new").read_bytes() == b"abc"
