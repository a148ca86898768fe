"""central.http.download: going on with a part, and files asked for stretch by stretch."""

import asyncio
import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from http_scripts import Respond, Say, Script, answer, field_of, ranges
from lab import Lab, RunLab
from recorders import payload

from central.config import ClientConfig
from central.errors import CentralError, CorruptError, TransferError
from central.http import client as http
from central.landing import Landing
from central.link import Link
from host.clock import Clock
from host.host import Host

SIZE = 300_001
DATA = payload(SIZE)


async def fetch(host: Host, link: Link, config: ClientConfig | None = None) -> Path:
    landing = await Landing.open(host, host.directory / link.name, link)
    try:
        await http.fetch(host, link, landing, config or ClientConfig())
        return await landing.commit()
    finally:
        await landing.close()


async def leave_part(host: Host, link: Link, data: bytes, size: int, etag: str | None) -> None:
    """What a transfer leaves that breaks off after `data` of a file of `size` bytes."""
    landing = await Landing.open(host, host.directory / link.name, link)
    landing.begin(0, size, etag, None)
    await landing.write(data)
    await landing.close()


def names(host: Host) -> list[str]:
    return sorted(path.name for path in host.directory.iterdir())


PARTS = ["file.bin.part", "file.bin.part.json"]


# ---- going on


@pytest.mark.parametrize("have", [1, 65_536, 100_000, SIZE - 1])
@pytest.mark.parametrize("digest", [True, False])
def test_only_what_is_missing_is_asked_for(
    run_lab: RunLab, clock: Clock, have: int, digest: bool
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        link = script.link(body=DATA if digest else None)
        await leave_part(host, link, DATA[:have], SIZE, "one")
        assert names(host) == PARTS
        assert (await fetch(host, link)).read_bytes() == DATA
        assert script.field("Range") == [f"bytes={have}-"]
        assert script.field("If-Range") == ['"one"']
        assert names(host) == ["file.bin"]

    run_lab(body, clock=clock)


def test_a_part_without_a_version_goes_on_where_the_link_has_a_digest(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(DATA, etag='W/"weak"'))
        await script.start()
        link = script.link(body=DATA)
        await leave_part(host, link, DATA[:1000], SIZE, None)
        assert (await fetch(host, link)).read_bytes() == DATA
        assert script.field("Range") == ["bytes=1000-"]
        assert script.field("If-Range") == [None]

    run_lab(body)


def test_a_part_without_version_and_digest_is_begun_anew(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(DATA, etag=None))
        await script.start()
        await leave_part(host, script.link(), DATA[:1000], SIZE, None)
        assert (await fetch(host, script.link())).read_bytes() == DATA
        assert script.field("Range") == [None]

    run_lab(body)


@pytest.mark.parametrize("digest", [True, False])
def test_a_part_that_is_whole_is_not_fetched_again(
    run_lab: RunLab, clock: Clock, digest: bool
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        link = script.link(body=DATA if digest else None)
        await leave_part(host, link, DATA, SIZE, "one")
        assert (await fetch(host, link)).read_bytes() == DATA
        assert host.meter.down_bytes < 1000
        assert [head.split()[0] for head in script.requests] == ["GET", "HEAD"]
        assert names(host) == ["file.bin"]

    run_lab(body, clock=clock)


def test_a_whole_part_of_another_version_is_fetched_again(run_lab: RunLab) -> None:
    """A server that looks at the range before the condition."""

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        honest = ranges(DATA, etag='"two"')

        def respond(head: str) -> Say:
            if field_of(head, "Range"):
                return Say(answer("416 Range Not Satisfiable"))
            return honest(head)

        script = Script(lab.host("server"), respond)
        await script.start()
        await leave_part(host, script.link(), bytes(SIZE), SIZE, "one")
        assert (await fetch(host, script.link())).read_bytes() == DATA
        assert [head.split()[0] for head in script.requests] == ["GET", "HEAD", "GET"]

    run_lab(body)


def test_a_file_that_has_become_shorter(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(b"abc", etag='"two"'))
        await script.start()
        await leave_part(host, script.link(), bytes(1000), 2000, "one")
        assert (await fetch(host, script.link())).read_bytes() == b"abc"
        assert names(host) == ["file.bin"]

    run_lab(body)


@pytest.mark.parametrize("size", [SIZE, 100, 10])
def test_another_version_is_fetched_from_its_beginning(run_lab: RunLab, size: int) -> None:
    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(size, 7)
        script = Script(lab.host("server"), ranges(data, etag='"two"'))
        await script.start()
        await leave_part(host, script.link(), DATA[:100], SIZE, "one")
        assert (await fetch(host, script.link())).read_bytes() == data
        assert len(script.requests) == 1

    run_lab(body)


@pytest.mark.parametrize(
    ("etag", "size"), [('"two"', SIZE), ('"one"', SIZE + 1), ('W/"one"', SIZE), (None, SIZE)]
)
def test_a_range_of_another_version_is_not_taken(
    run_lab: RunLab, etag: str | None, size: int
) -> None:
    """A server that does not know If-Range."""

    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(size, 7)
        honest = ranges(data, etag)
        script = Script(
            lab.host("server"), lambda head: honest(re.sub("(?m)^If-Range.*\r?\n", "", head))
        )
        await script.start()
        await leave_part(host, script.link(), DATA[:100], SIZE, "one")
        assert (await fetch(host, script.link())).read_bytes() == data
        assert script.field("Range") == ["bytes=100-", None]

    run_lab(body)


def test_another_digest_is_another_version(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host, data = lab.host("client"), payload(SIZE, 7)
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        script = Script(lab.host("server"), ranges(data, Repr_Digest=f"sha-256=:{digest}:"))
        await script.start()
        landing = await Landing.open(host, host.directory / "file.bin", script.link())
        landing.begin(0, SIZE, "one", hashlib.sha256(DATA).hexdigest())
        await landing.write(DATA[:100])
        await landing.close()
        assert (await fetch(host, script.link())).read_bytes() == data
        assert script.field("Range") == ["bytes=100-", None]

    run_lab(body)


def test_a_server_without_ranges(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), lambda head: Say(answer("200 OK", DATA, ETag='"one"')))
        await script.start()
        await leave_part(host, script.link(), DATA[:100], SIZE, "one")
        assert (await fetch(host, script.link())).read_bytes() == DATA
        assert len(script.requests) == 1
        config = ClientConfig(request_size=1000)
        assert (await fetch(host, script.link(), config)).read_bytes() == DATA
        assert len(script.requests) == 2

    run_lab(body)


UNFIT = {
    # what a request for the bytes from 100 on of 300 is answered with
    "elsewhere": (b"bytes 0-199/300", 200, ""),
    "behind": (b"bytes 101-299/300", 199, ""),
    "backwards": (b"bytes 100-99/300", 0, ""),
    "beyond the end": (b"bytes 100-300/300", 201, ""),
    "of unknown size": (b"bytes 100-299/*", 200, ""),
    "of another unit": (b"lines 100-299/300", 200, ""),
    "none": (b"", 200, ""),
    "several": (b"bytes 100-199/300, bytes 200-299/300", 200, ""),
    "signs": (b"bytes +100-299/300", 200, ""),
    "huge": (b"bytes 100-299/" + b"9" * 19, 200, ""),
    "longer than it says": (b"bytes 100-299/300", 201, "another length than that of the range"),
    "shorter than it says": (b"bytes 100-299/300", 199, "another length than that of the range"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_range_that_does_not_fit_is_refused_and_the_part_kept(run_lab: RunLab, case: str) -> None:
    where, size, expected = UNFIT[case]

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        said = answer(
            "206 Partial Content", bytes(size), Content_Range=where.decode(), ETag='"one"'
        )
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        await leave_part(host, script.link(), DATA[:100], 300, "one")
        with pytest.raises(TransferError) as caught:
            await fetch(host, script.link())
        assert (expected or "answered bytes=100- with another range") in str(caught.value)
        assert (host.directory / "file.bin.part").read_bytes() == DATA[:100]

    run_lab(body)


@pytest.mark.parametrize("size", [199, 200, 201])
def test_a_range_in_chunks(run_lab: RunLab, size: int) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        said = (
            b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n"
            b'Content-Range: bytes 100-299/300\r\nETag: "one"\r\n\r\n'
            b"%x\r\n%s\r\n0\r\n\r\n" % (size, payload(1000)[100 : 100 + size])
        )
        script = Script(lab.host("server"), [Say(said)])
        await script.start()
        await leave_part(host, script.link(), payload(100), 300, "one")
        if size == 200:
            assert (await fetch(host, script.link())).read_bytes() == payload(300)
            return
        with pytest.raises(TransferError, match=r"than the 200 bytes of the range"):
            await fetch(host, script.link())

    run_lab(body)


def test_a_server_that_gives_less_than_asked_is_asked_on(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        honest = ranges(DATA)

        def respond(head: str) -> Say:
            first = int((field_of(head, "Range") or "bytes=0-")[6:].split("-")[0])
            return honest(f"{head.split(chr(13))[0]}\r\nRange: bytes={first}-{first + 99_999}\r\n")

        script = Script(lab.host("server"), respond)
        await script.start()
        await leave_part(host, script.link(), DATA[:100], SIZE, "one")
        assert (await fetch(host, script.link())).read_bytes() == DATA
        assert script.field("Range") == [f"bytes={start}-" for start in range(100, SIZE, 100_000)]

    run_lab(body)


def test_a_server_killed_and_back(run_lab: RunLab, clock: Clock) -> None:
    async def body(lab: Lab) -> None:
        data = payload(2_000_000)
        host = lab.host("client", down=10e6)
        first = Script(lab.host("first"), ranges(data))
        await first.start(8080)
        link = first.link()
        path = host.directory / "file.bin.part"
        fetching = host.spawn(fetch(host, link), "fetches")
        while not path.exists() or path.stat().st_size < 500_000:
            await asyncio.sleep(0.01)
        await first.host.close()
        with pytest.raises(TransferError):
            await fetching
        had = path.stat().st_size
        assert 500_000 <= had < 2_000_000
        assert names(host) == PARTS
        first.host.start()
        again = Script(first.host, ranges(data))
        await again.start(first.listener.port)
        assert (await fetch(host, link)).read_bytes() == data
        assert again.field("Range") == [f"bytes={had}-"]

    run_lab(body, clock=clock)


# ---- stretch by stretch


@pytest.mark.parametrize("stretch", [1000, 65_536, 100_000, SIZE - 1, SIZE, SIZE + 1])
@pytest.mark.parametrize("close_each", [True, False])
@pytest.mark.parametrize("have", [0, 150_000])
def test_stretch_by_stretch(
    run_lab: RunLab, clock: Clock, stretch: int, close_each: bool, have: int
) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(DATA))
        await script.start()
        link = script.link()
        if have:
            await leave_part(host, link, DATA[:have], SIZE, "one")
        config = ClientConfig(request_size=stretch, close_each=close_each)
        assert (await fetch(host, link, config)).read_bytes() == DATA
        starts = range(have, SIZE, stretch)
        first = f"bytes={have}-{have + stretch - 1}"
        rest = [f"bytes={start}-{min(start + stretch, SIZE) - 1}" for start in starts[1:]]
        assert script.field("Range") == [first, *rest]
        assert script.field("If-Range") == [None if not have else '"one"', *['"one"'] * len(rest)]
        assert len(script.connections) == (len(starts) if close_each else 1)
        assert script.field("Connection") == ["close" if close_each else None] * len(starts)

    run_lab(body, clock=clock)


def test_an_empty_file_by_stretches(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        host = lab.host("client")
        script = Script(lab.host("server"), ranges(b""))
        await script.start()
        path = await fetch(host, script.link(), ClientConfig(request_size=1000))
        assert path.read_bytes() == b""
        assert script.field("Range") == ["bytes=0-999", None]

    run_lab(body)


def test_no_round_trip_is_lost_between_stretches(run_lab: RunLab) -> None:
    """20 stretches of half a second each, 0.2 s apart: the second is asked for with the first."""

    async def body(lab: Lab) -> list[float]:
        data = payload(1_000_000)
        took = []
        server = lab.host("server", up=100_000, latency=0.1)
        script = Script(server, ranges(data))
        await script.start()
        host = lab.host("client", latency=0.1)
        for size in (None, 50_000):
            start = lab.now
            await fetch(host, script.link(), ClientConfig(request_size=size))
            took.append(lab.now - start)
        return took

    whole, stretches = run_lab(body)
    # What is more is 19 heads on the link, some 150 bytes each.
    assert whole < stretches < whole + 0.05


def test_the_price_of_a_connection_for_each_request(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> list[float]:
        data = payload(1_000_000)
        took = []
        script = Script(lab.host("server", up=100_000, latency=0.1), ranges(data))
        await script.start()
        host = lab.host("client", latency=0.1)
        for close_each in (False, True):
            start = lab.now
            config = ClientConfig(request_size=50_000, close_each=close_each)
            await fetch(host, script.link(), config)
            took.append(lab.now - start)
        return took

    kept, each = run_lab(body)
    # A handshake and a request for each of the 19 further stretches: two round trips of 0.2 s.
    assert each - kept == pytest.approx(19 * 0.4, rel=0.05)


@pytest.mark.parametrize("answers", [1, 2, 3])
@pytest.mark.parametrize("polite", [True, False])
def test_a_server_that_ends_kept_connections(
    run_lab: RunLab, clock: Clock, answers: int, polite: bool
) -> None:
    async def body(lab: Lab) -> None:
        honest = ranges(DATA)
        asked = 0

        def respond(head: str) -> Say:
            nonlocal asked
            asked += 1
            last = asked % answers == 0
            data = honest(head).data
            if last and polite:
                data = data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
            return Say(data, hang_up=last)

        script = Script(lab.host("server"), respond)
        await script.start()
        config = ClientConfig(request_size=50_000)
        path = await fetch(lab.host("client"), script.link(), config)
        assert path.read_bytes() == DATA
        assert len(script.connections) >= 7 // answers

    run_lab(body, clock=clock)


def test_a_server_that_hangs_up_on_every_request(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), lambda head: Say(b"", hang_up=True))
        await script.start()
        with pytest.raises(TransferError, match="closed without an answer"):
            await fetch(lab.host("client"), script.link(), ClientConfig(request_size=10))
        assert len(script.connections) == 1

    run_lab(body)


@pytest.mark.parametrize("knows", [True, False])
def test_a_file_that_changes_between_two_stretches(run_lab: RunLab, knows: bool) -> None:
    """`knows`: the server knows If-Range."""

    async def body(lab: Lab) -> None:
        other = payload(SIZE + 5, 9)
        servers: list[Respond] = [ranges(DATA), ranges(other, '"two"')]
        asked = 0

        def respond(head: str) -> Say:
            nonlocal asked
            asked += 1
            if not knows:
                head = re.sub("(?m)^If-Range.*\r?\n", "", head)
            return servers[asked > 3](head)

        script = Script(lab.host("server"), respond)
        await script.start()
        host = lab.host("client")
        path = await fetch(host, script.link(), ClientConfig(request_size=50_000))
        assert path.read_bytes() == other
        assert names(host) == ["file.bin"]

    run_lab(body)


@pytest.mark.parametrize("fields", [("ETag", 'W/"a"', 'W/"b"'), ("Last_Modified", "x", "y")])
def test_a_change_that_only_a_weak_version_or_the_date_shows(
    run_lab: RunLab, fields: tuple[str, str, str]
) -> None:
    async def body(lab: Lab) -> None:
        name, before, after = fields
        other = payload(SIZE, 9)
        honest = ranges(DATA, None, **{name: before})
        script = Script(lab.host("server"), honest)
        await script.start()
        changed = ranges(other, None, **{name: after})
        script.respond = lambda head: (honest if len(script.requests) < 4 else changed)(head)
        path = await fetch(lab.host("client"), script.link(), ClientConfig(request_size=50_000))
        assert path.read_bytes() == other

    run_lab(body)


def test_a_file_that_changes_from_the_links(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        script = Script(lab.host("server"), ranges(DATA, '"two"'))
        await script.start()
        host = lab.host("client")
        link = script.link(body=payload(SIZE, 9))
        with pytest.raises(CorruptError):
            await fetch(host, link)
        assert names(host) == []

    run_lab(body)


def test_an_error_between_two_stretches_keeps_the_part(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        honest = ranges(DATA)
        script = Script(lab.host("server"), honest)
        await script.start()

        def respond(head: str) -> Say:
            return honest(head) if len(script.requests) < 4 else Say(answer("404 Not Found"))

        script.respond = respond
        host = lab.host("client")
        with pytest.raises(CentralError, match="404"):
            await fetch(host, script.link(), ClientConfig(request_size=50_000))
        assert (host.directory / "file.bin.part").read_bytes() == DATA[:150_000]
        script.respond = honest
        assert (await fetch(host, script.link())).read_bytes() == DATA
        assert script.field("Range")[-1] == "bytes=150000-"

    run_lab(body)


@pytest.mark.parametrize("stretch", [None, 20_000, 65_536, 100_000])
@pytest.mark.parametrize("pieces", [1, 100])
@pytest.mark.parametrize("apart", [True, False])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_disk_that_is_slower_than_the_server(
    run_lab: RunLab, stretch: int | None, pieces: int, apart: bool, chunked: bool
) -> None:
    """The connection waits; nobody takes that for the server's silence."""

    async def body(lab: Lab) -> None:
        host = lab.host("client")
        at_once = host.compute

        async def slow(function: Any, *args: Any) -> Any:
            await asyncio.sleep(20)
            return await at_once(function, *args)

        host.compute = slow  # type: ignore[method-assign]
        honest = ranges(DATA)

        def respond(head: str) -> Say:
            said = honest(head).data
            if chunked:
                start, _, rest = said.partition(b"\r\n\r\n")
                start = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", start)
                said = start + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(rest), rest)
            return Say(said, pieces, head_apart=apart)

        script = Script(lab.host("server"), respond)
        await script.start()
        config = ClientConfig(request_size=stretch, patience_s=15.0)
        assert (await fetch(host, script.link(), config)).read_bytes() == DATA
        assert len(script.connections) == 1

    run_lab(body)
