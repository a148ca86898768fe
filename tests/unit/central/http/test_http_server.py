"""central.http: what is answered to which request, byte by byte, and how connections go on."""

import asyncio
import http.client
import os
from pathlib import Path

import pytest
from http_site import HttpSite, get, split, split_all
from lab import Lab, RunLab
from recorders import payload

from central.http.connection import READ_AHEAD, TURN
from central.http.exchange import SMALL
from host.clock import Clock

SIZE = 100_001
SMALL_SIZE = 5000
MODIFIED = 946_684_700
"""1999-12-31 23:58:20: before the date that virtual time begins with."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    for name, size in (("file.bin", SIZE), ("small.txt", SMALL_SIZE), ("empty", 0)):
        (root / name).write_bytes(payload(size))
        os.utime(root / name, (MODIFIED, MODIFIED))
    (root / "folder").mkdir()
    (root / "folder" / "föhn & co.bin").write_bytes(b"warm wind")
    assert SMALL_SIZE < SMALL < SIZE
    return root


@pytest.mark.parametrize(
    ("name", "size", "kind"),
    [
        ("file.bin", SIZE, "application/octet-stream"),
        ("small.txt", SMALL_SIZE, "text/plain"),
        ("empty", 0, "application/octet-stream"),
    ],
)
def test_get_gives_the_file(
    run_lab: RunLab, root: Path, clock: Clock, name: str, size: int, kind: str
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            answer = await site.answer(f"/{name}")
            assert (answer.status, answer.reason) == (200, "OK")
            assert answer.body == payload(size)
            opened = site.library.open(name)
            assert opened is not None
            opened.close()
            date = answer.headers.pop("date")
            assert date == "Sat, 01 Jan 2000 00:00:00 GMT" or clock == "real"
            assert answer.headers == {
                "content-type": kind,
                "content-length": str(size),
                "etag": f'"{opened.entry.etag}"',
                "last-modified": "Fri, 31 Dec 1999 23:58:20 GMT",
                "accept-ranges": "bytes",
                "content-disposition": f'attachment; filename="{name}"',
                "x-content-type-options": "nosniff",
                "connection": "close",
            }
            (line,) = site.log
            assert (line.line, line.status, line.sent) == (f"GET /{name} HTTP/1.1", 200, size)
            assert (line.user, line.address, line.agent) == ("-", site.client.address, "-")

    run_lab(body, clock=clock)


@pytest.mark.parametrize("target", ["/file.bin", "/small.txt", "/empty", "/", "/folder", "/none"])
def test_head_is_get_without_its_body(run_lab: RunLab, root: Path, target: str) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            with_body = await site.answer(target, "GET")
            head = await site.answer(target, "HEAD")
            assert (head.status, head.headers, head.body) == (
                with_body.status,
                with_body.headers,
                b"",
            )
            assert len(with_body.body) == int(head["content-length"])
            # A range is for GET alone (RFC 9110, section 14.2).
            again = await site.answer(target, "HEAD", "Range: bytes=0-1")
            assert (again.status, again.headers) == (head.status, head.headers)

    run_lab(body)


@pytest.mark.parametrize("name", ["file.bin", "small.txt"])
@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("0-0", 0, 1), ("100-", 100, None), ("-7", -7, None), ("10-999999999", 10, None)],
)
def test_one_range(
    run_lab: RunLab, root: Path, clock: Clock, name: str, wanted: str, start: int, stop: int | None
) -> None:
    async def body(lab: Lab) -> None:
        content = payload((root / name).stat().st_size)
        part = content[start:stop]
        first = start % len(content)
        async with HttpSite(lab, root) as site:
            answer = await site.answer(f"/{name}", "GET", f"Range: bytes={wanted}")
            assert (answer.status, answer.body) == (206, part)
            extent = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
            assert answer["content-range"] == extent
            assert answer["content-length"] == str(len(part))
            assert site.log[0].sent == len(part)

    run_lab(body, clock=clock)


def test_a_range_behind_the_end(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            for wanted in (f"{SIZE}-", f"{SIZE}-{SIZE + 5}", "-0"):
                answer = await site.answer("/file.bin", "GET", f"Range: bytes={wanted}")
                assert answer.status == 416
                assert answer["content-range"] == f"bytes */{SIZE}"
            assert (await site.answer("/empty", "GET", "Range: bytes=0-")).status == 416

    run_lab(body)


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=5-2", "rows=0-1", "bytes=-", "0-1"])
def test_other_ranges_are_answered_as_none(run_lab: RunLab, root: Path, wanted: str) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            answer = await site.answer("/file.bin", "GET", f"Range: {wanted}")
            assert (answer.status, answer.body) == (200, payload(SIZE))

    run_lab(body)


def test_conditions(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            whole = await site.answer("/file.bin")
            etag, date = whole["etag"], whole["last-modified"]
            for condition in (f"If-None-Match: {etag}", f"If-Modified-Since: {date}"):
                answer = await site.answer("/file.bin", "GET", condition)
                assert (answer.status, answer.body) == (304, b"")
                assert (answer["etag"], answer["last-modified"]) == (etag, date)
                assert "content-length" not in answer.headers
            assert (await site.answer("/file.bin", "GET", 'If-Match: "x"')).status == 412
            assert (await site.answer("/file.bin", "GET", f"If-Match: {etag}")).status == 200
            part = ("Range: bytes=1-2", f"If-Range: {etag}")
            answer = await site.answer("/file.bin", "GET", *part)
            assert (answer.status, answer.body) == (206, payload(4)[1:3])
            # The date of a file that may change again within the second names no one version.
            for age, status in ((59, 200), (60, 206)):
                time = site.host.date().timestamp() - age
                os.utime(root / "file.bin", (time, time))
                date = (await site.answer("/file.bin"))["last-modified"]
                part = ("Range: bytes=1-2", f"If-Range: {date}")
                assert (await site.answer("/file.bin", "GET", *part)).status == status
            answer = await site.answer("/file.bin", "GET", "Range: bytes=1-2", 'If-Range: "old"')
            assert (answer.status, answer.body) == (200, payload(SIZE))

    run_lab(body)


def test_a_digest_is_given_when_known_and_computed_when_wanted(
    run_lab: RunLab, root: Path, clock: Clock
) -> None:
    import base64
    import hashlib

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            for name, size in (("file.bin", SIZE), ("small.txt", SMALL_SIZE)):
                sha256 = base64.b64encode(hashlib.sha256(payload(size)).digest()).decode()
                assert "repr-digest" not in (await site.answer(f"/{name}")).headers
                no = ("Want-Repr-Digest: sha-256=0", "Want-Repr-Digest: sha-512=3")
                for wish in no:
                    assert "repr-digest" not in (await site.answer(f"/{name}", "GET", wish)).headers
                wish = "Want-Repr-Digest: sha-512=3, sha-256=10"
                answer = await site.answer(f"/{name}", "GET", wish, "Range: bytes=0-9")
                assert answer["repr-digest"] == f"sha-256=:{sha256}:"
                assert answer.body == payload(size)[:10]
                # From now on it is known.
                assert (await site.answer(f"/{name}"))["repr-digest"] == f"sha-256=:{sha256}:"

    run_lab(body, clock=clock)


def test_names_are_percent_decoded_once(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        target = "/folder/f%C3%B6hn%20%26%20co.bin"
        async with HttpSite(lab, root) as site:
            for form in (target, target + "?query=%2f", "http://other:99" + target):
                answer = await site.answer(form)
                assert answer.body == b"warm wind"
                assert answer["content-disposition"] == (
                    'attachment; filename="f_hn & co.bin"; '
                    "filename*=UTF-8''f%C3%B6hn%20%26%20co.bin"
                )
            assert (await site.answer(target.replace("%", "%25"))).status == 404

    run_lab(body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get", "TRACE"])
def test_other_methods_are_not_allowed(run_lab: RunLab, root: Path, method: str) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            answers = []
            for target in ("/file.bin", "/none", "*", "/folder/"):
                answer = await site.answer(target, method)
                assert (answer.status, answer["allow"]) == (405, "GET, HEAD")
                answers.append((answer.headers, answer.body))
            assert answers == answers[:1] * 4

    run_lab(body)


def test_a_kept_connection_serves_many_requests(run_lab: RunLab, root: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            for target, size in (("/file.bin", SIZE), ("/none", 14), ("/small.txt", SMALL_SIZE)):
                before = len(end.data)
                end.transport.write(get(target))
                while not (answers := _whole(end.data[before:])):
                    await asyncio.sleep(0.001)
                assert int(answers[0]["content-length"]) == size
                assert "connection" not in answers[0].headers
            end.transport.close()
            assert await end.lost is None

    run_lab(body, clock=clock)


def _whole(data: bytes | bytearray) -> list[object]:
    try:
        return list(split_all(data))
    except AssertionError:
        return []


@pytest.mark.parametrize("pieces", [1, 3, 100_000])
def test_pipelined_requests_are_answered_in_order(
    run_lab: RunLab, root: Path, clock: Clock, pieces: int
) -> None:
    """More of them than the server reads ahead, and the client closes its half behind them."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            wanted = ["/file.bin", "/none", "/small.txt", *["/empty"] * 3000, "/file.bin"]
            requests = b"".join(map(get, wanted))
            assert len(requests) > 1.5 * READ_AHEAD
            step = len(requests) // pieces + 1
            for start in range(0, len(requests), step):
                end.transport.write(requests[start : start + step])
            end.transport.write_eof()
            await end.ended
            answers = split_all(end.data)
            sizes = {"/file.bin": SIZE, "/small.txt": SMALL_SIZE, "/empty": 0, "/none": 14}
            assert [len(answer.body) for answer in answers] == [sizes[each] for each in wanted]
            assert answers[-1].body == payload(SIZE)
            assert len(site.log) == len(wanted)
            end.transport.close()
            assert await end.lost is None

    run_lab(body, clock=clock)


def test_a_pipeline_whose_answers_nobody_reads_is_not_answered_on(
    run_lab: RunLab, root: Path
) -> None:
    """Neither answers nor requests pile up in the server."""

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, up=1000.0) as site:
            end = await site.open()
            end.transport.write(get("/small.txt") * 50_000)
            await asyncio.sleep(10)
            assert len(site.log) == 2  # 5.3 s each
            assert READ_AHEAD < site.host.meter.down_bytes <= 3 * READ_AHEAD
            end.transport.abort()
            await end.lost

    run_lab(body)


def test_others_have_their_turn_during_a_pipeline(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            greedy, modest = await site.open(), await site.open()
            greedy.transport.write(get("/empty") * 1000)
            modest.transport.write(get("/none", "HEAD"))
            await modest.has(1)
            greedy_had = len(site.log) - 1
            assert greedy_had <= 20 * TURN < 1000
            for end in (greedy, modest):
                end.transport.abort()
                await end.lost

    run_lab(body, clock="real")


def test_a_client_may_close_its_half_and_read_on(run_lab: RunLab, root: Path, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            for name, size in (("file.bin", SIZE), ("small.txt", SMALL_SIZE)):
                end = await site.open()
                end.transport.write(get(f"/{name}"))
                end.transport.write_eof()
                await end.ended
                assert split(end.data).body == payload(size)
                end.transport.close()
                await end.lost

    run_lab(body, clock=clock)


@pytest.mark.parametrize("target", ["/file.bin", "/small.txt", "/", "/none"])
def test_http_1_0_ends_with_its_answer_unless_asked_not_to(
    run_lab: RunLab, root: Path, target: str
) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            once = split(await site.ask(f"GET {target} HTTP/1.0\r\n\r\n".encode()))
            assert once["connection"] == "close"
            kept = f"GET {target} HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n".encode()
            last = f"GET {target} HTTP/1.0\r\n\r\n".encode()
            answers = split_all(await site.ask(kept, kept, last))
            assert [answer["connection"] for answer in answers] == [
                "keep-alive",
                "keep-alive",
                "close",
            ]
            assert {answer.body for answer in answers} == {once.body}

    run_lab(body)


def test_a_file_that_shrinks_ends_its_connection_early(
    run_lab: RunLab, root: Path, clock: Clock
) -> None:
    big = root / "big"
    with big.open("wb") as file:
        file.truncate(64_000_000)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            end.transport.pause_reading()
            end.transport.write(get("/big") + get("/none"))
            await asyncio.sleep(0.02)
            os.truncate(big, 1000)
            end.transport.resume_reading()
            await end.lost
            assert len(end.data) < 64_000_000
            assert site.statuses == [499]

    run_lab(body, clock=clock)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_client_that_leaves_in_the_middle_ends_its_answer(
    run_lab: RunLab, root: Path, clock: Clock, how: str
) -> None:
    big = root / "big"
    with big.open("wb") as file:
        file.truncate(64_000_000)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            end.transport.pause_reading()
            end.transport.write(get("/big"))
            await asyncio.sleep(0.02)
            getattr(end.transport, how)()
            await end.lost
            await asyncio.sleep(0.02)
            names = [task.get_name() for task in asyncio.all_tasks()]
            assert [name for name in names if "answers" in name] == []
            assert site.statuses == [499]
            assert 0 < site.log[0].sent < 64_000_000
            # And the server goes on serving others.
            assert (await site.answer("/none")).status == 404
            assert site.admission.total == 0

    run_lab(body, clock=clock)


@pytest.mark.parametrize("target", ["/big", "/small.txt", "/folder/"])
def test_closing_ends_what_is_under_way(
    run_lab: RunLab, root: Path, clock: Clock, target: str
) -> None:
    with (root / "big").open("wb") as file:
        file.truncate(64_000_000)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            idle, end = await site.open(), await site.open()
            end.transport.pause_reading()
            end.transport.write(get(target))
            await asyncio.sleep(0.02)
            await site.server.close()
            await site.server.close()
            with pytest.raises(ConnectionRefusedError):
                await site.open()
            await idle.ended
            for each in (idle, end):
                each.transport.abort()
                await each.lost
            # It may open again.
            site.address = await site.server.start(0)
            assert (await site.answer("/small.txt")).body == payload(SMALL_SIZE)

    run_lab(body, clock=clock)


def test_http_client_agrees(run_lab: RunLab, root: Path) -> None:
    """A connection of the standard library's own client, kept over all kinds of requests."""

    def speak(address: tuple[str, int]) -> None:
        connection = http.client.HTTPConnection(*address, timeout=10)
        try:
            connection.connect()
            sock = connection.sock
            for name, size in (("file.bin", SIZE), ("small.txt", SMALL_SIZE), ("empty", 0)) * 3:
                connection.request("GET", f"/{name}")
                with connection.getresponse() as response:
                    assert (response.status, response.read()) == (200, payload(size))
                connection.request("HEAD", f"/{name}")
                with connection.getresponse() as response:
                    assert (response.getheader("Content-Length"), response.read()) == (
                        str(size),
                        b"",
                    )
                connection.request("GET", f"/{name}", headers={"If-None-Match": "*"})
                with connection.getresponse() as response:
                    assert (response.status, response.read()) == (304, b"")
                connection.request("PUT", "/new", body=iter([b"ab", b"cde"]), encode_chunked=True)
                with connection.getresponse() as response:
                    assert response.status in (201, 204)
                    assert response.read() == b""
                connection.request("PUT", f"/new-{name}", body=payload(size))
                with connection.getresponse() as response:
                    response.read()
                connection.request("GET", f"/new-{name}")
                with connection.getresponse() as response:
                    assert response.read() == payload(size)
                assert connection.sock is sock
        finally:
            connection.close()

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            await asyncio.to_thread(speak, site.address)

    run_lab(body, clock="real")
    assert (root / "new").read_bytes() == b"abcde"
