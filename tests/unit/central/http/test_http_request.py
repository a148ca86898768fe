"""central.http.request and body: what the rest of the server is built on."""

import pytest
from http_site import get

from central.http.body import OVERHEAD, Body
from central.http.request import HEAD_LIMIT, BadRequestError, find_end, parse_head


def test_a_head_is_found_where_it_ends() -> None:
    head = get("/a", "GET", "X: y")
    for size in range(len(head)):
        assert find_end(bytearray(head[:size])) == 0
    assert find_end(bytearray(head)) == len(head)
    assert find_end(bytearray(head + b"GET /b\n\n\0")) == len(head)


def test_a_head_may_be_as_large_as_the_limit() -> None:
    room = HEAD_LIMIT - len(get("/a", "GET", "X: "))
    head = get("/a", "GET", "X: " + "y" * room)
    assert find_end(bytearray(head)) == len(head) == HEAD_LIMIT
    assert len(parse_head(head).fields[b"x"]) == room
    with pytest.raises(BadRequestError) as error:
        find_end(bytearray(head[:-4] + b"y\r\n\r\n"))
    assert error.value.status == 431


def test_what_a_head_says() -> None:
    head = parse_head(get("/a?b", "PUT", "Content-Length: 12", "Accept: x", "accept:  y "))
    assert (head.method, head.target, head.version) == ("PUT", b"/a?b", b"1.1")
    assert head.fields == {b"host": b"server", b"content-length": b"12", b"accept": b"x, y"}
    assert (head.length, head.keep) == (12, True)
    assert head.line == "PUT /a?b HTTP/1.1"


@pytest.mark.parametrize(
    ("version", "connection", "keep"),
    [
        ("1.1", None, True),
        ("1.1", "keep-alive", True),
        ("1.1", "close", False),
        ("1.1", "Keep-Alive, Close", False),
        ("1.1", "upgrade", True),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
        ("1.9", None, True),
    ],
)
def test_whether_the_connection_goes_on(version: str, connection: str | None, keep: bool) -> None:
    fields = () if connection is None else (f"Connection: {connection}",)
    assert parse_head(get("/", "GET", *fields, version=version)).keep is keep


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ((), 0),
        (("Content-Length: 0",), 0),
        (("Content-Length: 5", "Content-Length: 5"), 5),
        (("Transfer-Encoding: chunked",), None),
        (("Transfer-Encoding: Chunked",), None),
    ],
)
def test_how_long_the_body_is(fields: tuple[str, ...], length: int | None) -> None:
    assert parse_head(get("/", "PUT", *fields)).length == length


@pytest.mark.parametrize(
    ("version", "expect", "waits"),
    [
        ("1.1", "100-continue", True),
        ("1.1", "100-Continue", True),
        ("1.1", "x100-continue", False),
        ("1.0", "100-continue", False),
    ],
)
def test_who_waits_for_leave_to_send(version: str, expect: str, waits: bool) -> None:
    head = parse_head(get("/", "PUT", f"Expect: {expect}", version=version))
    assert head.expects_continue is waits


def test_chunks_with_extensions_and_a_trailer() -> None:
    body = Body(parse_head(get("/", "PUT", "Transfer-Encoding: chunked")), 100)
    assert body.feed(b'3;a="b"\r\nabc\r\n2') == b"abc"
    assert not body.done
    assert body.feed(b"\r\nde\r\n0\r\nX: y\r\n\r\nGET") == b"de"
    assert (body.done, body.rest, body.size) == (True, b"GET", 5)


def test_framing_in_proportion_is_put_up_with() -> None:
    body = Body(parse_head(get("/", "PUT", "Transfer-Encoding: chunked")), 1 << 20)
    for _ in range(OVERHEAD):
        assert body.feed(b"1\r\na\r\n") == b"a"


def test_framing_out_of_proportion_is_not() -> None:
    body = Body(parse_head(get("/", "PUT", "Transfer-Encoding: chunked")), 1 << 20)
    chunk = b"1;" + b"x" * 1000 + b"\r\na\r\n"
    with pytest.raises(BadRequestError):
        for _ in range(OVERHEAD // 1000 + 1):
            body.feed(chunk)
