"""central.http's client against any server: a result or an error of ours, and nothing else."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h11
from http_scripts import Say, Script, answer, ranges
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lab import Lab

from central.client import Client
from central.config import ClientConfig
from central.errors import CentralError, TransferError
from central.http import client as http
from central.http.answer import MAX_SIZE, Answer, redirected, refusal
from central.http.listing import Item, changes, parse_listing
from central.library.library import Entry
from central.link import Link
from central.paths import parse_path
from host.clock import run

LINK = Link("http", "127.0.0.1", 8080, "dir/file.bin")
FIELD = st.sampled_from(
    ["ETag", "Content-Range", "Repr-Digest", "Retry-After", "Location", "Content-Encoding"]
)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
PLAUSIBLE = st.sampled_from(
    [
        "bytes 0-2/3",
        "bytes 3-2/3",
        "bytes 0-99999999999999999999/3",
        '"a"',
        'W/"a"',
        "sha-256=:" + "A" * 43 + "=:",
        "sha-256=:" + "A" * 43 + "=:;x=1, md5=:AA==:",
        "/a",
        "http://127.0.0.1:8080/b?c",
        "//[",
        "http://a:99999/",
        "identity",
        "1e9",
        "7",
    ]
)


def lab_run(body: Any) -> Any:
    """One small virtual world; what reaches the loop's exception handler fails."""
    troubles: list[Any] = []

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: troubles.append(context))
        with TemporaryDirectory() as folder:
            lab = Lab(Path(folder))
            try:
                return await body(lab)
            finally:
                await lab.network.close()

    result = run(main(), deadline_s=1e6)
    assert troubles == []
    return result


HEAD = st.builds(
    lambda status, fields, end: (
        f"HTTP/1.1 {status} x\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields) + end
    ).encode("latin-1"),
    st.integers(100, 600),
    st.lists(
        st.tuples(
            FIELD | st.sampled_from(["Content-Length", "Transfer-Encoding", "Connection"]),
            VALUE | PLAUSIBLE | st.sampled_from(["0", "3", "chunked", "close", "Chunked", "-1"]),
        ),
        max_size=4,
    ),
    st.sampled_from(["\r\n", "\r\nabc", "\r\n3\r\nabc\r\n0\r\n\r\n", "\n", ""]),
)
ANYTHING = st.binary(max_size=60) | HEAD | st.lists(HEAD, max_size=3).map(b"".join)


@settings(max_examples=300)
@given(ANYTHING, ANYTHING, st.booleans(), st.sampled_from([None, 2]), st.integers(1, 5))
@example(answer("206 Partial Content", b"ab", Content_Range="bytes 0-1/4"), b"", True, 2, 1)
def test_whatever_a_server_says(
    first: bytes, second: bytes, hang_up: bool, request_size: int | None, pieces: int
) -> None:
    says = [Say(first, pieces, hang_up), Say(second, pieces, hang_up)]

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), lambda head: says.pop(0) if says else Say(b"", 1, True))
        await script.start()
        config = ClientConfig(request_size=request_size, patience_s=5.0)
        try:
            path = await Client(host, config).fetch(str(script.link()), host.directory)
        except CentralError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 400
            left = {path.name for path in host.directory.iterdir()}
            assert left <= {"file.bin.part", "file.bin.part.json"}
        else:
            assert [each.name for each in host.directory.iterdir()] == ["file.bin"]
            assert path.stat().st_size <= len(first + second)
        assert lab.now < 60

    lab_run(body)


@settings(max_examples=150)
@given(ANYTHING, ANYTHING, st.booleans(), st.integers(1, 5))
def test_whatever_a_server_says_to_other_questions(
    first: bytes, second: bytes, hang_up: bool, pieces: int
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        config = ClientConfig(patience_s=5.0)
        source = host.directory / "source"
        source.write_bytes(bytes(100_000))
        for question in ("listing", "put"):
            says = [Say(first, pieces, hang_up), Say(second, pieces, hang_up)]
            script = Script(
                lab.host(f"server of {question}"),
                lambda head, says=says: says.pop(0) if says else Say(b"", 1, True),
            )
            await script.start()
            try:
                if question == "put":
                    await http.put(host, script.link(), source, config)
                else:
                    await http.listing(host, script.link(""), config)
            except CentralError as error:
                assert "\n" not in str(error)
                assert len(str(error)) < 400

    lab_run(body)


@settings(max_examples=60)
@given(
    size=st.integers(0, 300_000),
    stretch=st.none() | st.integers(20_000, 400_000),
    close_each=st.booleans(),
    cut=st.lists(st.integers(1, 250_000), max_size=3),
)
def test_a_file_comes_whole_however_often_it_breaks_off(
    size: int, stretch: int | None, close_each: bool, cut: list[int]
) -> None:
    """`cut`: bytes of an answer after which the server hangs up, fetch by fetch."""
    data = b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]
    honest = ranges(data)

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        left = list(cut)

        def respond(head: str) -> Say:
            said = honest(head).data
            return Say(said[: left[0]], hang_up=True) if left else Say(said)

        script = Script(lab.host("server"), respond)
        await script.start()
        config = ClientConfig(request_size=stretch, close_each=close_each)
        client = Client(host, config)
        link = str(script.link())
        while left:
            try:
                await client.fetch(link, host.directory)
                break
            except TransferError:
                left.pop(0)
        left.clear()
        path = await client.fetch(link, host.directory)
        assert path.read_bytes() == data
        assert [each.name for each in host.directory.iterdir()] == ["file.bin"]

    lab_run(body)


@given(st.integers(100, 700), st.dictionaries(FIELD.map(str.lower), VALUE | PLAUSIBLE))
def test_what_a_head_says(status: int, fields: dict[str, str]) -> None:
    found = Answer(status, fields)
    if found.etag is not None:
        assert found.etag.isascii() and '"' not in found.etag
        h11.Request(method="GET", target="/", headers=[("Host", "x"), ("If-Range", found.etag)])
    if found.sha256 is not None:
        assert len(bytes.fromhex(found.sha256)) == 32
    if found.content_range is not None:
        first, last, size = found.content_range
        assert 0 <= first <= last < size <= MAX_SIZE
    assert str(refusal(found, "x", token=False)).isprintable()
    try:
        target = redirected(found, LINK, "/dir/file.bin")
    except TransferError as error:
        assert len(str(error)) < 700
        assert "\n" not in str(error)
    else:
        assert target.startswith("/")
        h11.Request(method="GET", target=target, headers=[("Host", "x")])


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
def test_any_listing(body: bytes) -> None:
    try:
        items = parse_listing(body, "")
    except TransferError as error:
        assert "\n" not in str(error)
    else:
        assert all(parse_path(path.rstrip("/")) for path in items)


FILES = st.dictionaries(
    st.sampled_from("abcd"), st.tuples(st.integers(0, 2), st.sampled_from("xy")), max_size=4
).map(
    lambda found: {
        path: Item(Entry(path=path, size=size, modified_ns=0), etag)
        for path, (size, etag) in found.items()
    }
)


@given(FILES, FILES)
def test_changes_lead_from_one_listing_to_the_other(
    before: dict[str, Item], now: dict[str, Item]
) -> None:
    reached = {path: item.entry for path, item in before.items()}
    for change in changes(before, now):
        if change.entry is None:
            assert change.kind == "removed"
            del reached[change.path]
        else:
            assert change.kind == ("changed" if change.path in reached else "added")
            reached[change.path] = change.entry
    assert reached == {path: item.entry for path, item in now.items()}
    assert not list(changes(now, now))
