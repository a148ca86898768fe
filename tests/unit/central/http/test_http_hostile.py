"""Requests that are out to do harm: refused with a clear status, and honest clients served on."""

import asyncio
import http.client
from pathlib import Path

import pytest
from attacks import SECRET, Attacked
from http_site import CLOSE, HttpSite, get, split, split_all
from lab import Lab, RunLab
from recorders import payload

from central.http.connection import LINGER_BYTES, LINGER_S
from central.http.request import FIELDS_LIMIT, HEAD_LIMIT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"content of a")
    return root


SECOND = b"GET /a HTTP/1.1\r\nHost: s\r\n\r\n"

REFUSED = {
    # no HTTP, or one that is not spoken here
    "not HTTP": (b"hello\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "HTTP/0.9": (b"GET /a\r\n", 400),
    "HTTP/0.9 by its number": (b"GET /a HTTP/0.9\r\n\r\n", 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "no number": (b"GET /a HTTP/x\r\n\r\n", 400),
    "long number": (b"GET /a HTTP/1.10\r\nHost: s\r\n\r\n", 400),
    "lower case": (b"GET /a http/1.1\r\nHost: s\r\n\r\n", 400),
    "two spaces": (b"GET  /a HTTP/1.1\r\nHost: s\r\n\r\n", 400),
    "space in the target": (b"GET /a b HTTP/1.1\r\nHost: s\r\n\r\n", 400),
    "byte in the target": (b"GET /\xff HTTP/1.1\r\nHost: s\r\n\r\n", 400),
    "space in front": (b" GET /a HTTP/1.1\r\nHost: s\r\n\r\n", 400),
    # fields
    "no Host": (b"GET /a HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (b"GET /a HTTP/1.1\r\nHost: s\r\nHost: t\r\n\r\n", 400),
    "space before the colon": (b"GET /a HTTP/1.1\r\nHost: s\r\nX : 1\r\n\r\n", 400),
    "no colon": (b"GET /a HTTP/1.1\r\nHost: s\r\nX\r\n\r\n", 400),
    "no name": (b"GET /a HTTP/1.1\r\nHost: s\r\n: 1\r\n\r\n", 400),
    "NUL": (b"GET /a HTTP/1.1\r\nHost: s\r\nX: a\0b\r\n\r\n", 400),
    "folded": (b"GET /a HTTP/1.1\r\nHost: s\r\nX: 1\r\n 2\r\n\r\n", 400),
    "folded by a tab": (b"GET /a HTTP/1.1\r\nHost: s\r\nX: 1\r\n\t2\r\n\r\n", 400),
    "folded first": (b"GET /a HTTP/1.1\r\n Host: s\r\n\r\n", 400),
    "lone LF": (b"GET /a HTTP/1.1\nHost: s\n\n", 400),
    "lone LF in the middle": (b"GET /a HTTP/1.1\r\nHost: s\nX: 1\r\n\r\n", 400),
    "lone LF at the end": (b"GET /a HTTP/1.1\r\nHost: s\r\n\nX", 400),
    "lone CR": (b"GET /a HTTP/1.1\r\nHost: s\r\nX: 1\r2\r\n\r\n", 400),
    "CR CR LF": (b"GET /a HTTP/1.1\r\nHost: s\r\r\n\r\n", 400),
    "many fields": (
        b"GET /a HTTP/1.1\r\nHost: s\r\n" + b"a: b\r\n" * FIELDS_LIMIT + b"\r\n",
        431,
    ),
    "a large head": (b"GET /a HTTP/1.1\r\nHost: s\r\nX: " + b"x" * HEAD_LIMIT, 431),
    "a large line": (b"GET /" + b"x" * HEAD_LIMIT, 431),
    # bodies, and two opinions of where they end
    "both lengths": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n",
        400,
    ),
    "both lengths, the other way": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
        b"0\r\n\r\n",
        400,
    ),
    "two lengths": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        400,
    ),
    "two lengths in one": (b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: 1, 2\r\n\r\nab", 400),
    "no length": (b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: x\r\n\r\n", 400),
    "signed length": (b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: +1\r\n\r\na", 400),
    "negative length": (b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: -1\r\n\r\na", 400),
    "hexadecimal length": (b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: 0x1\r\n\r\na", 400),
    "endless length": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        400,
    ),
    "unknown coding": (b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "two codings": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "chunked twice": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "hidden coding": (b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    "chunked for 1.0": (b"PUT /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "body of a GET": (b"GET /a HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\nGET /", 400),
    "body of a HEAD": (b"HEAD /a HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\nGET /", 400),
    "chunks of a GET": (
        b"GET /a HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "body of a POST": (b"POST /a HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\nGET /", 405),
    # chunks
    "no chunk": (b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 400),
    "negative chunk": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        400,
    ),
    "chunk of 0x": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        400,
    ),
    "long chunk": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        400,
    ),
    "endless chunk size": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 20_000,
        431,
    ),
    "endless extension": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 20_000,
        431,
    ),
    "large extensions": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n"
        + (b"1;" + b"x" * 9000 + b"\r\na\r\n") * 3
        + b"0\r\n\r\n",
        400,
    ),
    "lone LF behind the chunks": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\n",
        400,
    ),
    "lone LF behind the trailer": (
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\n\n",
        400,
    ),
}

ENDLESS = ("endless chunk size", "endless extension")


@pytest.mark.parametrize("step", [1 << 20, 7], ids=["at once", "in pieces"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_ambiguous_is_refused_and_ends_the_connection(
    run_lab: RunLab, root: Path, name: str, step: int
) -> None:
    """Whatever follows is never taken for a request."""
    bad, status = REFUSED[name]
    sent = bad + SECOND

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=True) as site:
            pieces = [sent[start : start + step] for start in range(0, len(sent), step)]
            answer = split(await site.ask(*pieces))
            # In chunks' heads the limit of one and the limit of all are near each other.
            expected = {status, 400} if name in ENDLESS else {status}
            assert answer.status in expected
            assert answer["connection"] == "close"
            assert site.statuses == [answer.status]
            assert len(answer.body) == (
                0 if bad.startswith(b"HEAD") else int(answer["content-length"])
            )
            # Nobody else is any the worse for it.
            assert (await site.answer("/a")).body == b"content of a"

    run_lab(body)
    assert [path.name for path in root.iterdir()] == ["a"]


@pytest.mark.parametrize("bad", [b"GET /a HTTP/1.1\r\nHost: s\r\n", b"G", b"PUT"])
def test_a_request_cut_short_is_refused(run_lab: RunLab, root: Path, bad: bytes) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            end.transport.write(bad)
            end.transport.write_eof()
            await end.ended
            assert split(end.data).status == 400
            end.transport.close()
            await end.lost

    run_lab(body)


def test_empty_lines_in_front_of_a_request_are_passed_over(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            answer = split(await site.ask(b"\r\n\r\n" + get("/a", "GET", CLOSE)))
            assert answer.body == b"content of a"

    run_lab(body)


def test_empty_lines_without_end_are_cut_off(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            end = await site.open()
            while not end.ended.done():
                end.transport.write(b"\r\n")
                await asyncio.sleep(1)
            assert split(end.data).status == 408
            assert lab.now == site.site.limits.head_s + 1
            end.transport.close()
            await end.lost

    run_lab(body)


def test_an_answer_survives_a_client_that_sends_on(run_lab: RunLab, root: Path) -> None:
    """Over the kernel's own sockets, where closing too early would reset the connection."""

    def speak(address: tuple[str, int]) -> None:
        connection = http.client.HTTPConnection(*address, timeout=10)
        try:
            connection.putrequest("POST", "/a")
            connection.putheader("Content-Length", str(10 * LINGER_BYTES))
            connection.endheaders(b"x" * (LINGER_BYTES // 2))
            with connection.getresponse() as response:
                assert response.status == 405
                assert response.read() == b"405 Method Not Allowed\n"
        finally:
            connection.close()

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            await asyncio.to_thread(speak, site.address)

    run_lab(body, clock="real")


def test_a_client_that_sends_on_for_ever_is_cut_off(run_lab: RunLab, root: Path) -> None:
    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:
            by_size, by_time = await site.open(), await site.open()
            for end in (by_size, by_time):
                end.transport.write(b"hello\r\n\r\n")
                await end.ended
            while by_size.lost_at < 0 and site.admission.total == 2:
                by_size.transport.write(b"x" * 65_536)
                await asyncio.sleep(0.001)
            assert site.host.meter.down_bytes < 2 * LINGER_BYTES
            assert site.admission.total == 1
            await asyncio.sleep(LINGER_S)
            assert site.admission.total == 0
            for end in (by_size, by_time):
                end.transport.abort()
                await end.lost

    run_lab(body)


def test_attacks_on_the_directory(run_lab: RunLab, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    attacked = Attacked.build(place)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, attacked.root) as site:
            nothing = await site.answer("/absent")
            assert nothing.status == 404
            for target in attacked.targets:
                for method in ("GET", "HEAD"):
                    request = method.encode() + b" " + target + b" HTTP/1.1\r\nHost: s\r\n"
                    whole = await site.ask(request + b"Connection: close\r\n\r\n")
                    assert SECRET not in whole
                    answer = split(whole)
                    if all(0x21 <= byte <= 0x7E for byte in target):
                        assert (answer.status, answer.headers) == (404, nothing.headers), target
                    else:
                        assert answer.status == 400, target

    run_lab(body)
    attacked.assert_untouched()


def test_what_is_no_attack_is_answered(run_lab: RunLab, tmp_path: Path) -> None:
    from attacks import GOOD, GOOD_TARGETS

    place = tmp_path / "place"
    place.mkdir()
    attacked = Attacked.build(place)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, attacked.root) as site:
            end = await site.open()
            for target in GOOD_TARGETS:
                end.transport.write(get(target.decode()))
            end.transport.write_eof()
            await end.ended
            answers = split_all(end.data)
            assert [answer.body for answer in answers] == [
                GOOD[path] for path in GOOD_TARGETS.values()
            ]
            end.transport.close()
            await end.lost

    run_lab(body)


def test_attacks_by_put(run_lab: RunLab, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    attacked = Attacked.build(place)

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, attacked.root, writable=True) as site:
            for target in attacked.targets:
                request = b"PUT " + target + b" HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\n"
                answer = split(await site.ask(request + b"Connection: close\r\n\r\nab"))
                visible = all(0x21 <= byte <= 0x7E for byte in target)
                assert answer.status in ((201, 204, 403) if visible else (400,)), target

    run_lab(body)
    attacked.assert_untouched()
    assert (attacked.root / "good.txt").read_bytes() != b"ab"


def test_descriptors_run_out(run_lab: RunLab, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that cannot be opened for want of descriptors is no file that is not there."""
    (root / "large").write_bytes(payload(100_000))

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root) as site:

            def fail(path: str) -> None:
                raise OSError(24, "Too many open files")

            with monkeypatch.context() as patch:
                patch.setattr(site.library, "open", fail)
                answer = await site.answer("/a")
            assert (answer.status, answer["retry-after"]) == (503, "5")
            assert (await site.answer("/a")).status == 200

    run_lab(body)
