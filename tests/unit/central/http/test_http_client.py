"""central.http.download: what is asked for, what is kept of an answer, and what is refused."""

import asyncio
import base64
import hashlib
from pathlib import Path

import pytest
from http_scripts import Say, Script, answer
from lab import Lab, RunLab
from recorders import payload

from central.config import ClientConfig
from central.errors import (
    BusyError,
    CentralError,
    CorruptError,
    DeniedError,
    NotFoundError,
    TransferError,
)
from central.http import client as http
from central.http.session import Session
from central.landing import Landing
from central.link import Link
from host.clock import Clock
from host.host import Host

SIZE = 300_001
HASH = hashlib.sha256(b"abc").hexdigest()


async def fetch(host: Host, link: Link, config: ClientConfig | None = None) -> Path:
    """What central.client does, without its words."""
    landing = await Landing.open(host, host.directory / link.name, link)
    try:
        await http.fetch(host, link, landing, config or ClientConfig())
        return await landing.commit()
    finally:
        await landing.close()


def names(host: Host) -> list[str]:
    return sorted(path.name for path in host.directory.iterdir())


def field(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


@pytest.mark.parametrize("size", [0, 1, 65_536, SIZE, 3_000_000])
@pytest.mark.parametrize("pieces", [1, 2, 40])
def test_a_file_is_fetched_whole_however_it_is_cut(
    run_lab: RunLab, clock: Clock, size: int, pieces: int
) -> None:
    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(size)
        script = Script(lab.host("server"), [Say(answer("200 OK", data), pieces)])
        await script.start()
        path = await fetch(host, script.link(body=data))
        assert path.read_bytes() == data
        assert names(host) == ["file.bin"]
        # The connection is given up as soon as the file is whole.
        assert all(transport.is_closing() for transport in (*host._streams, *host._raw))

    run_lab(body, clock=clock)


def test_the_request(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), lambda head: Say(answer("200 OK", b"abc")))
        await script.start(8080)
        authority = f"{script.host.address}:8080"
        await fetch(host, script.link("a b/ü", b"abc"))
        await fetch(host, script.link("x"), ClientConfig(token="secret", close_each=True))
        assert script.requests == [
            f"GET /a%20b/%C3%BC HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: fileshare-lab\r\n"
            "Accept-Encoding: identity",
            f"GET /x HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: fileshare-lab\r\n"
            "Authorization: Bearer secret\r\nConnection: close\r\n"
            "Accept-Encoding: identity\r\nWant-Repr-Digest: sha-256=1",
        ]

    run_lab(body)


@pytest.mark.parametrize(
    ("informational", "count"),
    [
        ("100 Continue", 1),
        ("100 Continue", 8),
        ("102 Processing", 1),
        ("102 Processing", 1000),
        ("103 Early Hints", 8),
    ],
)
@pytest.mark.parametrize("pieces", [1, 9])
def test_informational_answers_are_passed_over(
    run_lab: RunLab, informational: str, pieces: int, count: int
) -> None:
    async def body(lab: Lab) -> None:
        said = f"HTTP/1.1 {informational}\r\n\r\n".encode() * count + answer("200 OK", b"abc")
        script = Script(lab.host("server"), [Say(said, pieces)])
        await script.start()
        assert (await fetch(lab.host("client"), script.link(body=b"abc"))).read_bytes() == b"abc"

    run_lab(body)


@pytest.mark.parametrize("informational", ["100 Continue", "103 Early Hints"])
def test_informational_answers_have_an_end(run_lab: RunLab, informational: str) -> None:
    async def body(lab: Lab) -> None:
        said = f"HTTP/1.1 {informational}\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n".encode() * 9
        script = Script(lab.host("server"), [Say(said + answer("200 OK", b"abc"))])
        await script.start()
        with pytest.raises(TransferError, match="no answer but informational ones"):
            await fetch(lab.host("client"), script.link())

    run_lab(body)


def test_waiting_is_no_silence_while_the_server_says_that_it_works(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), [Say(b"")])
        await script.start()
        config = ClientConfig(patience_s=5.0)
        fetching = asyncio.ensure_future(fetch(lab.host("client"), script.link(), config))
        for _ in range(20):
            await asyncio.sleep(4.0)
            script.connections[0].transport.write(b"HTTP/1.1 102 Processing\r\n\r\n")
        with pytest.raises(TransferError, match="says nothing for 5 s"):
            await fetching
        assert lab.now == 85.0

    run_lab(body)


def test_a_connection_that_did_not_open_is_not_kept(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, script = lab.host("client"), Script(lab.host("server"), [Say(answer("200 OK"))])
        await script.start(8080)
        session = Session(host, script.link(), ClientConfig())
        script.listener.close()
        with pytest.raises(TransferError, match="does not answer"):
            await session.get("/")
        await script.start(8080)
        assert (await session.get("/")).status == 200
        session.drop()

    run_lab(body)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 2, 30])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (CHUNKED + b"0\r\n\r\n", b""),
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (CHUNKED + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nTrailer: x\r\n\r\n", b"abc"),
    ],
)
def test_chunks(run_lab: RunLab, said: bytes, expected: bytes, pieces: int) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), [Say(said, pieces)])
        await script.start()
        assert (await fetch(lab.host("client"), script.link())).read_bytes() == expected

    run_lab(body)


@pytest.mark.parametrize("size", [200_000, 5_000_000])
def test_many_chunks_go_through_a_landing_that_has_no_room(
    run_lab: RunLab, clock: Clock, size: int
) -> None:
    data = payload(size)
    cut = [data[start : start + 70_000] for start in range(0, size, 70_000)]
    said = CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in cut) + b"0\r\n\r\n"

    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        assert (await fetch(lab.host("client"), script.link())).read_bytes() == data

    run_lab(body, clock=clock)


@pytest.mark.parametrize("pieces", [1, 5])
@pytest.mark.parametrize("who", ["link", "server"])
def test_a_body_until_the_end_needs_a_digest(run_lab: RunLab, pieces: int, who: str) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        digest = f"Repr-Digest: {field(b'abc')}\r\n" if who == "server" else ""
        said = f"HTTP/1.1 200 OK\r\n{digest}\r\n".encode()
        says = [Say(said + b"abc", pieces, hang_up=True), Say(said + b"ab", pieces, hang_up=True)]
        script = Script(lab.host("server"), says)
        await script.start()
        link = script.link(body=b"abc" if who == "link" else None)
        assert (await fetch(host, link)).read_bytes() == b"abc"
        with pytest.raises(CorruptError):
            await fetch(host, link)
        assert names(host) == ["file.bin"]

    run_lab(body)


REFUSED: dict[str, tuple[bytes, bool, type[CentralError], str]] = {
    # what the server says, whether it hangs up then, what the client says of it
    "other bytes": (answer("200 OK", b"abd"), False, CorruptError, f"its SHA-256 is not {HASH}"),
    "fewer bytes": (answer("200 OK", b"ab"), False, CorruptError, f"its SHA-256 is not {HASH}"),
    "nothing": (answer("200 OK"), False, CorruptError, f"its SHA-256 is not {HASH}"),
    "another digest": (
        answer("200 OK", b"abc", Repr_Digest=field(b"abd")),
        False,
        CorruptError,
        "the server has another file than the link's",
    ),
    "cut short": (
        answer("200 OK", b"abc")[:-1],
        True,
        TransferError,
        "the server closed after 2 of 3 bytes",
    ),
    "cut at once": (
        answer("200 OK", b"abc")[:-3],
        True,
        TransferError,
        "the server closed after 0 of 3 bytes",
    ),
    "silence": (b"", True, TransferError, "the server closed without an answer"),
    "half a head": (
        b"HTTP/1.1 200 OK\r\nContent-",
        True,
        TransferError,
        "the server closed in the middle of its answer",
    ),
    "denied": (answer("401 Unauthorized"), False, DeniedError, "the server wants a token (401)"),
    "forbidden": (answer("403 Forbidden"), False, DeniedError, "does not permit this (403)"),
    "not found": (
        answer("404 Not Found", b"not found"),
        False,
        NotFoundError,
        "the server has no such file, or shows none (404)",
    ),
    "gone": (answer("410 Gone"), False, NotFoundError, "no such file, or shows none (410)"),
    "busy": (
        answer("503 Service Unavailable", Retry_After="7"),
        True,
        BusyError,
        "the server is busy (503); try again in 7 s",
    ),
    "busy, who knows how long": (
        answer("503 Service Unavailable", Retry_After="\x1b[1m"),
        True,
        BusyError,
        "the server is busy (503); try again later",
    ),
    "broken": (
        answer("500 Oops \x1b[1m"),
        False,
        TransferError,
        "the server answered 500 Internal Server Error; try again later",
    ),
    "not our kind": (answer("418 x"), False, TransferError, "answered 418 I'm a Teapot"),
    "unheard of": (answer("799 x"), False, TransferError, "the server answered 799"),
    "success of another kind": (
        answer("204 No Content"),
        False,
        TransferError,
        "answered 204 No Content",
    ),
    "a part": (
        answer("206 Partial Content", b"abc", Content_Range="bytes 0-2/3"),
        False,
        TransferError,
        "the server answered 206 Partial Content",
    ),
    "no length": (b"HTTP/1.1 200 OK\r\n\r\nab", True, CorruptError, f"its SHA-256 is not {HASH}"),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        False,
        TransferError,
        "the server gives its answer two lengths",
    ),
    "compressed": (
        answer("200 OK", b"abc", Content_Encoding="gzip"),
        False,
        TransferError,
        "the server sends it encoded ('gzip'), unasked",
    ),
    "chunks cut short": (CHUNKED + b"3\r\nab", True, TransferError, "the answer is cut short"),
    "chunks without an end": (CHUNKED + b"3\r\nabc\r\n", True, TransferError, "cut short"),
    "chunks of nonsense": (CHUNKED + b"xyz\r\n", False, TransferError, "the answer is cut short"),
    "no number": (
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
        False,
        TransferError,
        "does not speak HTTP/1.1",
    ),
    "different numbers": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        False,
        TransferError,
        "does not speak HTTP/1.1",
    ),
    "more than a file has": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\nabc",
        False,
        TransferError,
        "announces 9999999999999999999 bytes",
    ),
    "another protocol": (b"220 welcome\r\n\r\n", False, TransferError, "not speak HTTP/1.1"),
    "switching protocols": (
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        False,
        TransferError,
        "not speak HTTP/1.1",
    ),
    "hints without an end": (
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 101,
        False,
        TransferError,
        "no answer but informational ones",
    ),
    "an endless head": (
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000,
        False,
        TransferError,
        "does not speak HTTP/1.1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("pieces", [1, 2, 25])
def test_a_wrong_answer_is_refused_in_a_line(run_lab: RunLab, case: str, pieces: int) -> None:
    said, hang_up, kind, expected = REFUSED[case]

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), [Say(said, pieces, hang_up)])
        await script.start()
        with pytest.raises(CentralError) as caught:
            await fetch(host, script.link(body=b"abc"))
        assert type(caught.value) is kind or kind is TransferError
        assert expected in str(caught.value)
        assert str(caught.value).startswith("file.bin: ")
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 250
        assert set(names(host)) <= {"file.bin.part", "file.bin.part.json"}

    run_lab(body)


def test_no_length_and_no_digest(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), [Say(b"HTTP/1.1 200 OK\r\n\r\nabc", hang_up=True)])
        await script.start()
        with pytest.raises(TransferError, match="no length, nor a digest: it might be cut short"):
            await fetch(host, script.link())
        assert names(host) == []

    run_lab(body)


def test_what_comes_behind_the_body_is_not_the_files(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        said = answer("200 OK", b"abc") + b"more"
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        assert (await fetch(lab.host("client"), script.link())).read_bytes() == b"abc"

    run_lab(body, clock=clock)


# ---- the digest


@pytest.mark.parametrize("good", [True, False])
def test_the_servers_digest_is_checked_where_the_link_has_none(run_lab: RunLab, good: bool) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        said = answer("200 OK", b"abc", Repr_Digest=field(b"abc" if good else b"abd"))
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        if good:
            assert (await fetch(host, script.link())).read_bytes() == b"abc"
        else:
            with pytest.raises(CorruptError):
                await fetch(host, script.link())
            assert names(host) == []
        assert script.field("Want-Repr-Digest") == ["sha-256=1"]

    run_lab(body)


@pytest.mark.parametrize(
    "value",
    ["", "sha-256", "sha-256=abc", "sha-256=:AAAA:", "md5=:AAAA:", "sha-256=:" + "A" * 44 + ":"],
)
def test_a_digest_that_is_none_is_passed_over(run_lab: RunLab, value: str) -> None:
    async def body(lab: Lab) -> None:
        said = answer("200 OK", b"abc", Repr_Digest=value)
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        assert (await fetch(lab.host("client"), script.link())).read_bytes() == b"abc"

    run_lab(body)


# ---- redirections


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
@pytest.mark.parametrize("absolute", [True, False])
def test_redirections_on_this_server_are_followed(
    run_lab: RunLab, status: str, absolute: bool
) -> None:
    async def body(lab: Lab) -> None:
        server = lab.host("server")
        origin = f"http://{server.address}:8080" if absolute else ""

        def respond(head: str) -> Say:
            if head.startswith("GET /old/file.bin "):
                return Say(answer(f"{status} x", Location=f"{origin}/new/it?v=1#here"))
            return Say(answer("200 OK", b"abc"))

        script = Script(server, respond)
        await script.start(8080)
        path = await fetch(lab.host("client"), script.link("old/file.bin", b"abc"))
        assert path.name == "file.bin"
        assert path.read_bytes() == b"abc"
        assert [head.split()[1] for head in script.requests] == ["/old/file.bin", "/new/it?v=1"]

    run_lab(body)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://127.0.0.1:9/file.bin", "redirects to 'http://127.0.0.1:9/file.bin', another"),
        ("https://SERVER/file.bin", "another server"),
        ("//evil.example/file.bin", "redirects to '//evil.example/file.bin', another server"),
        ("http://me@SERVER/file.bin", "another server"),
        ("http://[", "redirects to 'http://[', no URL"),
        ("/a b", "redirects to '/a b', no URL"),
        ("/ü", "no URL"),
        (None, "redirects (302) to nowhere"),
        ("/file.bin", "redirects in circles"),
        ("/file.bin/", "is a folder on the server, and no file"),
        ("/?file.bin", "is a folder on the server, and no file"),
    ],
)
def test_other_redirections_are_not(run_lab: RunLab, location: str | None, expected: str) -> None:
    async def body(lab: Lab) -> None:
        server = lab.host("server")
        fields = {} if location is None else {"Location": location}
        if location is not None:
            fields["Location"] = location.replace("SERVER", f"{server.address}:8080")
        script = Script(server, lambda head: Say(answer("302 Found", **fields)))
        await script.start(8080)
        with pytest.raises((TransferError, NotFoundError)) as caught:
            await fetch(lab.host("client"), script.link())
        assert expected in str(caught.value)
        assert len(script.requests) == (6 if location == "/file.bin" else 1)

    run_lab(body)


# ---- those that do not answer


def test_a_server_that_is_not_there(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        host, server = lab.host("client"), lab.host("server")
        link = Link("http", server.address, 999, "file.bin", HASH)
        with pytest.raises(TransferError, match=r":999 does not answer: .*refused"):
            await fetch(host, link)
        assert names(host) == []

    run_lab(body, clock=clock)


@pytest.mark.parametrize(
    ("said", "expected"),
    [(b"", 7.0), (b"HTTP/1.1 200", 7.0), (answer("200 OK", bytes(9))[:-1], 7.0)],
)
def test_a_silent_server(run_lab: RunLab, said: bytes, expected: float) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        start = lab.now
        with pytest.raises(TransferError, match=r"file.bin: the server says nothing for 7 s"):
            await fetch(host, script.link(), ClientConfig(patience_s=7.0))
        assert lab.now - start == pytest.approx(expected)

    run_lab(body)


def test_a_slow_server_is_not_silent(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        data = payload(100_000)
        server = lab.host("server", up=1000)
        script = Script(server, [Say(answer("200 OK", data))])
        await script.start()
        path = await fetch(lab.host("client"), script.link(), ClientConfig(patience_s=20.0))
        assert path.read_bytes() == data
        assert lab.now > 99

    run_lab(body)


def test_a_link_that_is_cut_before_the_connection(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", latency=1e6)
        script = Script(lab.host("server"), [])
        await script.start()
        with pytest.raises(TransferError, match=r"does not answer: nothing for 30 s"):
            await fetch(host, script.link())
        assert lab.now == pytest.approx(30.0)
        assert names(host) == []

    run_lab(body)


@pytest.mark.parametrize("when", ["before", "during"])
def test_a_server_that_crashes(run_lab: RunLab, clock: Clock, when: str) -> None:
    async def body(lab: Lab) -> None:
        host, server = lab.host("client", down=4e6), lab.host("server")
        said = b"" if when == "before" else answer("200 OK", bytes(2_000_000))[:-1_000_000]
        script = Script(server, [Say(said)])
        await script.start()
        fetching = asyncio.ensure_future(fetch(host, script.link()))
        await asyncio.sleep(0.02)
        await server.close()
        start = lab.now
        with pytest.raises(TransferError, match=r"connection was lost|server closed"):
            await fetching
        assert lab.now - start < 1
        assert names(host) == ([] if when == "before" else ["file.bin.part", "file.bin.part.json"])

    run_lab(body, clock=clock)


@pytest.mark.parametrize("moment", [0.0, 0.02])
@pytest.mark.parametrize("latency", [0.0, 0.05])
def test_a_fetch_can_be_given_up(
    run_lab: RunLab, clock: Clock, moment: float, latency: float
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client", latency=latency)
        server = lab.host("server", up=1e6, latency=latency)
        script = Script(server, [Say(answer("200 OK", bytes(2_000_000)))])
        await script.start()
        fetching = asyncio.ensure_future(fetch(host, script.link()))
        await asyncio.sleep(0)
        await asyncio.sleep(moment)
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        assert all(transport.is_closing() for transport in (*host._streams, *host._raw))

    run_lab(body, clock=clock)


@pytest.mark.parametrize("token", ["", "a b", "ü", "a\nb"])
def test_a_token_that_cannot_be_one(run_lab: RunLab, token: str) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), [])
        await script.start()
        with pytest.raises(DeniedError, match="characters that no token has"):
            await fetch(lab.host("client"), script.link(), ClientConfig(token=token))
        assert script.connections == []

    run_lab(body)


def test_a_token_that_is_refused(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        says = [Say(answer("401 Unauthorized")), Say(answer("403 Forbidden"))]
        script = Script(lab.host("server"), says)
        await script.start()
        for expected, known in (("accept the token (401)", False), ("permit this (403)", True)):
            with pytest.raises(DeniedError) as caught:
                await fetch(host, script.link(), ClientConfig(token="t"))
            assert str(caught.value) == f"file.bin: the server does not {expected}"
            assert caught.value.known is known

    run_lab(body)
