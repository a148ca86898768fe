"""Whatever comes: a valid HTTP answer, or an end; and every parser's own properties."""

import asyncio
import re
from email.message import Message
from pathlib import Path
from urllib.parse import quote, unquote

import h11
import hypothesis.strategies as st
from http_site import HttpSite, get
from hypothesis import HealthCheck, given, settings
from lab import Lab, RunLab

from central.http.body import Body
from central.http.conditions import Validators, judge, range_holds
from central.http.dates import parse_date, write_date
from central.http.fields import (
    prefers_page,
    read_digest,
    read_token,
    read_wait,
    wants_digest,
    write_digest,
    write_disposition,
)
from central.http.ranges import parse_range
from central.http.request import HEAD_LIMIT, BadRequestError, Head, find_end, parse_head
from central.http.target import parse_target
from central.paths import parse_path

NAMES = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=40)

PIECES = st.sampled_from(
    [
        b"GET /a HTTP/1.1\r\nHost: s\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: s\r\n\r\n",
        b"PUT /p HTTP/1.1\r\nHost: s\r\nContent-Length: 4\r\n\r\n",
        b"PUT /p HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET ",
        b"/a",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"Host: s\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Range: bytes=0-1\r\n",
        b"Accept: text/html\r\n",
        b"If-None-Match: *\r\n",
        b"Expect: 100-continue\r\n",
        b"Connection: close\r\n",
        b"Authorization: Basic xx\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"3\r\nabc\r\n",
        b"0\r\n\r\n",
        b"0\r\nX: y\r\n\r\n",
        b"\xff" * 20,
        b"x" * 20_000,
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=40), max_size=12)


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STREAMS, st.booleans())
def test_any_bytes_get_valid_answers_and_an_end(
    run_lab: RunLab, tmp_path: Path, pieces: list[bytes], writable: bool
) -> None:
    root = tmp_path / "root"
    root.mkdir(exist_ok=True)
    (root / "a").write_bytes(b"content")

    async def body(lab: Lab) -> None:
        async with HttpSite(lab, root, writable=writable) as site:
            end = await site.open()
            for piece in pieces:
                end.transport.write(piece)
                await asyncio.sleep(0.001)
            end.transport.write_eof()
            await end.ended
            _assert_valid(bytes(end.data), site.log)
            end.transport.close()
            await end.lost
            while site.admission.total:
                await asyncio.sleep(0.001)
            assert lab.now < 1.0

    def clean() -> None:
        for name in ("server", "client"):
            if (tmp_path / name).exists():
                (tmp_path / name).rmdir()

    clean()
    run_lab(body)
    assert {path.name for path in root.iterdir()} <= {"a", "p"}


def _assert_valid(data: bytes, log: list[object]) -> None:
    """`data` is one answer behind the other as h11's client reads them, and the log agrees."""
    statuses = []
    for request in log:
        reader = h11.Connection(h11.CLIENT)
        method = request.line.split(" ")[0] if request.line != "-" else "GET"  # type: ignore[attr-defined]
        reader.send(h11.Request(method=method, target="/", headers=[("Host", "s")]))
        reader.send(h11.EndOfMessage())
        reader.receive_data(data)
        event = reader.next_event()
        while isinstance(event, h11.InformationalResponse):
            event = reader.next_event()
        assert isinstance(event, h11.Response)
        statuses.append(event.status_code)
        while not isinstance(reader.next_event(), h11.EndOfMessage):
            pass
        data = reader.trailing_data[0]
    assert data in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    assert statuses == [request.status for request in log]  # type: ignore[attr-defined]


@given(st.lists(PIECES | st.binary(max_size=40), max_size=12).map(b"".join))
def test_heads_are_read_or_refused(data: bytes) -> None:
    try:
        end = find_end(bytearray(data))
        head = parse_head(data[:end]) if end else None
    except BadRequestError as error:
        assert error.status in (400, 431, 501, 505)
        assert "\n" not in str(error)
        return
    assert 0 <= end <= HEAD_LIMIT + 4
    if head is not None:
        assert data[:end].endswith(b"\r\n\r\n")
        assert data.startswith(head.line.encode())
        assert b"\n" not in b"".join(head.fields.values())
        assert head.length is None or head.length >= 0


@given(
    st.binary(max_size=3000),
    st.integers(1, 500),
    st.integers(1, 500),
    st.booleans(),
    st.binary(max_size=30),
)
def test_bodies_come_out_as_they_went_in(
    content: bytes, chunk: int, step: int, chunked: bool, behind: bytes
) -> None:
    if chunked:
        head = _head("Transfer-Encoding: chunked")
        parts = [content[at : at + chunk] for at in range(0, len(content), chunk)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    else:
        head = _head(f"Content-Length: {len(content)}")
        sent = content
    body = Body(head, 3000)
    out, stream = b"", sent + behind
    while not body.done:
        out += body.feed(stream[:step])
        stream = stream[step:]
    assert out == content
    assert body.rest + stream == behind
    assert body.size == len(content)


@given(st.lists(PIECES | st.binary(max_size=40), max_size=8))
def test_chunks_are_read_or_refused(pieces: list[bytes]) -> None:
    body = Body(_head("Transfer-Encoding: chunked"), 100)
    for piece in filter(None, pieces):
        try:
            body.feed(piece)
        except BadRequestError as error:
            assert error.status in (400, 413, 431)
            return
        assert body.size <= 100
        if body.done:
            return


def _head(framing: str) -> Head:
    return parse_head(get("/p", "PUT", framing))


@given(st.binary(max_size=40), st.integers(0, 10**6))
def test_any_range_fits_its_file(value: bytes, size: int) -> None:
    part = parse_range(b"bytes=" + value, size)
    assert part is None or 0 <= part.start <= part.end <= size


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_ranges_are_what_they_say(first: int, length: int, size: int) -> None:
    whole = range(size)
    for value, expected in (
        (f"{first}-{first + length}", whole[first : first + length + 1]),
        (f"{first}-", whole[first:]),
        (f"-{length}", whole[-length:] if length else whole[size:]),
    ):
        part = parse_range(f"bytes={value}".encode(), size)
        assert part is not None
        assert whole[part.start : part.end] == expected
        if part:
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", part.content_range(size))
            assert match is not None
            assert (int(match[1]), int(match[2]), int(match[3])) == (
                expected[0],
                expected[-1],
                size,
            )


FIELD = st.binary(max_size=60) | st.sampled_from(
    [b"*", b'"a"', b'W/"a"', b'"b", "a"', b"Sun, 06 Nov 1994 08:49:37 GMT"]
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                b"if-match",
                b"if-none-match",
                b"if-modified-since",
                b"if-unmodified-since",
                b"if-range",
            ]
        ),
        FIELD,
    ),
    st.sampled_from(["GET", "HEAD", "PUT"]),
    st.none() | st.tuples(st.just(b'"a"'), st.none() | st.integers(0, 2**33)),
)
def test_any_conditions_are_judged(
    fields: dict[bytes, bytes], method: str, now: tuple[bytes, int | None] | None
) -> None:
    validators = None if now is None else Validators(*now)
    verdict = judge(method, fields, validators)
    assert verdict in (200, 304, 412)
    assert verdict != 304 or method != "PUT"
    if validators is not None:
        assert range_holds(fields, validators, 2**32) in (True, False)


@given(st.integers(0, 253402300799))
def test_dates_are_read_as_they_were_written(seconds: int) -> None:
    assert parse_date(write_date(seconds).encode()) == seconds


@given(st.binary(max_size=80))
def test_any_field_is_read(value: bytes) -> None:
    for prefix in (b"", b"Basic ", b"Bearer "):
        token = read_token(prefix + value)
        assert token is None or (token.isascii() and token.isprintable() and " " not in token)
    assert prefers_page(value) in (True, False)
    assert wants_digest(value) in (True, False)
    assert 0 <= read_wait(value) < 10**9
    assert parse_date(value) is None or isinstance(parse_date(value), int)
    try:
        digest = read_digest(value)
    except ValueError:
        return
    assert digest is None or len(digest) == 64


@given(st.binary(min_size=32, max_size=32))
def test_digests_are_read_as_they_were_written(digest: bytes) -> None:
    assert read_digest(write_digest(digest.hex()).encode()) == digest.hex()


@given(NAMES)
def test_names_survive_a_disposition(name: str) -> None:
    """As the standard library's mail parser reads it (RFC 2231, which RFC 8187 is a part of)."""
    field = write_disposition(name)
    assert field.isascii()
    assert field.isprintable()
    message = Message()
    message["Content-Disposition"] = field
    if "filename*" in field:
        assert unquote(field.rpartition("''")[2], errors="strict") == name
    else:
        assert message.get_filename() == name


@given(st.text(st.characters(blacklist_categories=("Cs",)), max_size=60))
def test_paths_survive_a_target(path: str) -> None:
    target = parse_target(("/" + quote(path)).encode())
    if parse_path(path) is not None:
        assert target == (path, False)
    elif target is not None:
        assert target.path + "/" * target.folder in (path, "/")


@given(st.binary(max_size=60))
def test_any_target_names_something_or_nothing(value: bytes) -> None:
    for prefix in (b"", b"/", b"http://h/", b"/%"):
        target = parse_target(prefix + value)
        assert target is None or "\0" not in target.path or b"\0" in value
