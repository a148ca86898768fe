"""The central backend and curl: ranges, resuming, kept connections, uploads, tokens, TFTP."""

import base64
import hashlib
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lab import Lab, RunLab
from programs import needs
from recorders import payload

from central.library.library import Library
from central.server import Server
from host.host import Host

CURL = needs("curl")
SIZE = 3_000_003
DATA = payload(SIZE)


class Stage:
    """A server of ours, and curl."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.root = folder / "served"
        self.root.mkdir()
        self.root.joinpath("file.bin").write_bytes(DATA)
        self.folder = folder
        self.host: Host = lab.host("server")
        library = Library(self.host, self.root, writable=True)
        self.server = Server(self.host, library=library, protocols=("http", "tftp"))

    def url(self, path: str, scheme: str = "http") -> str:
        address, port = self.server.addresses["http" if scheme == "http" else "tftp"]
        return f"{scheme}://{address}:{port}/{path}"

    async def curl(
        self, *arguments: str | Path, code: int = 0, stdin: bytes | None = None
    ) -> bytes:
        """What curl prints when it ends with the exit code given."""

        def call() -> subprocess.CompletedProcess[bytes]:
            command = [CURL, "-sS", "--max-time", "20", *map(str, arguments)]
            return subprocess.run(command, input=stdin, capture_output=True, cwd=self.folder)

        done = await self.host.compute(call)
        assert (done.returncode, code or done.stderr) == (code, code or b""), done.stderr
        return done.stdout

    async def status(self, *arguments: str | Path) -> int:
        """The status of the answer, whose body is thrown away."""
        return int(await self.curl("-o", "/dev/null", "-w", "%{http_code}", *arguments))


Body = Callable[[Stage], Awaitable[None]]
Play = Callable[[Body], None]


@pytest.fixture
def play(run_lab: RunLab, tmp_path: Path) -> Play:
    """Run `await body(stage)` with the server started."""

    def run(body: Body) -> None:
        async def main(lab: Lab) -> None:
            stage = Stage(lab, tmp_path)
            await stage.server.start()
            try:
                await body(stage)
            finally:
                await stage.server.close()

        run_lab(main, clock="real")

    return run


def test_whole_files_of_every_size_and_name(play: Play) -> None:
    names = {"empty": 0, "one": 1, "a b&c.txt": 70_000, "a/deep/er/föhn 100%.bin": 2_000_000}

    async def body(stage: Stage) -> None:
        for name, size in names.items():
            path = stage.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(payload(size))
            quoted = name.replace("%", "%25").replace(" ", "%20")
            assert await stage.curl("-f", stage.url(quoted)) == payload(size)

    play(body)


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("100-199", DATA[100:200]),
        ("-50", DATA[-50:]),
        ("2999999-", DATA[2_999_999:]),
        ("0-0", DATA[:1]),
        ("0-99999999", DATA),
    ],
)
def test_one_range(play: Play, wanted: str, part: bytes) -> None:
    async def body(stage: Stage) -> None:
        assert await stage.curl("-f", "-r", wanted, stage.url("file.bin")) == part
        assert await stage.status("-r", wanted, stage.url("file.bin")) == 206

    play(body)


def test_several_ranges_are_answered_as_none(play: Play) -> None:
    async def body(stage: Stage) -> None:
        assert await stage.curl("-r", "0-9,20-29", stage.url("file.bin")) == DATA
        assert await stage.status("-r", "0-9,20-29", stage.url("file.bin")) == 200
        assert await stage.status("-r", f"{SIZE}-", stage.url("file.bin")) == 416

    play(body)


def test_resuming_moves_what_is_missing(play: Play) -> None:
    async def body(stage: Stage) -> None:
        part = stage.folder / "part.bin"
        part.write_bytes(DATA[:2_000_000])
        await stage.curl("-f", "-C", "-", "-o", part, stage.url("file.bin"))
        assert part.read_bytes() == DATA
        assert SIZE - 2_000_000 < stage.host.meter.up_bytes < SIZE - 2_000_000 + 1000

    play(body)


def test_connections_are_kept_unless_asked_to_close(play: Play) -> None:
    async def body(stage: Stage) -> None:
        url = stage.url("file.bin")
        thrice = ["-w", "%{num_connects} ", *(["-o", "/dev/null"] * 3), url, url, url]
        assert await stage.curl(*thrice) == b"1 0 0 "
        assert await stage.curl("-H", "Connection: close", *thrice) == b"1 1 1 "
        assert await stage.curl("--http1.0", *thrice) == b"1 1 1 "

    play(body)


def test_a_known_version_is_not_sent_again(play: Play) -> None:
    async def body(stage: Stage) -> None:
        url, tag = stage.url("file.bin"), stage.folder / "etag"
        assert await stage.status("--etag-save", tag, url) == 200
        assert await stage.status("--etag-compare", tag, url) == 304
        stage.root.joinpath("file.bin").write_bytes(b"another one")
        assert await stage.status("--etag-compare", tag, url) == 200
        assert await stage.status("-z", "Thu, 31 Dec 2037 00:00:00 GMT", url) == 304
        assert await stage.status("-z", "Mon, 01 Jan 1990 00:00:00 GMT", url) == 200

    play(body)


def test_the_digest_is_said_when_asked_for(play: Play) -> None:
    async def body(stage: Stage) -> None:
        head = await stage.curl("-I", "-H", "Want-Repr-Digest: sha-256=1", stage.url("file.bin"))
        digest = base64.b64encode(hashlib.sha256(DATA).digest())
        assert b"\r\nRepr-Digest: sha-256=:" + digest + b":\r\n" in head
        assert b"\r\nContent-Length: %d\r\n" % SIZE in head

    play(body)


def test_uploads(play: Play) -> None:
    async def body(stage: Stage) -> None:
        big = stage.folder / "big.bin"
        big.write_bytes(DATA)
        # Curl waits for "100 Continue" where the body is larger than 1 MiB.
        assert await stage.status("-T", big, stage.url("new/big.bin")) == 201
        assert await stage.status("-T", big, stage.url("new/big.bin")) == 204
        assert stage.root.joinpath("new/big.bin").read_bytes() == DATA
        await stage.curl("-f", "-T", "-", stage.url("piped.bin"), stdin=DATA[:100_000])
        assert stage.root.joinpath("piped.bin").read_bytes() == DATA[:100_000]
        assert await stage.status("-T", big, stage.url("new")) in (403, 409)
        assert sorted(path.name for path in stage.root.rglob("*")) == [
            "big.bin",
            "file.bin",
            "new",
            "piped.bin",
        ]

    play(body)


@pytest.mark.parametrize(
    "path", ["../secret", "a/../../secret", "%2e%2e/secret", "..%2fsecret", "link", "/etc/passwd"]
)
def test_nothing_outside_is_given(play: Play, path: str) -> None:
    async def body(stage: Stage) -> None:
        secret = stage.folder / "secret"
        secret.write_text("a secret")
        stage.root.joinpath("link").symlink_to(secret)
        answer = await stage.curl("--path-as-is", stage.url(path))
        assert b"secret" not in answer.replace(b"secret</", b"")
        assert await stage.status("--path-as-is", stage.url(path)) == 404
        assert await stage.status("--path-as-is", "-T", secret, stage.url(path)) in (403, 404)
        assert secret.read_text() == "a secret"

    play(body)


def test_a_listing_is_a_page_or_json(play: Play) -> None:
    async def body(stage: Stage) -> None:
        stage.root.joinpath("<b>.txt").write_text("x")
        page = await stage.curl("-f", "-H", "Accept: text/html", stage.url(""))
        assert b'href="%3Cb%3E.txt"' in page or b"/%3Cb%3E.txt" in page
        assert b"<b>.txt" not in page
        listing = await stage.curl("-f", "-H", "Accept: application/json", stage.url(""))
        assert b'"path":"file.bin"' in listing.replace(b": ", b":")

    play(body)


@pytest.mark.parametrize("options", [[], ["--tftp-blksize", "8192"], ["--tftp-no-options"]])
def test_tftp(play: Play, options: list[str]) -> None:
    async def body(stage: Stage) -> None:
        assert await stage.curl(*options, stage.url("file.bin", "tftp")) == DATA
        await stage.curl(*options, stage.url("none", "tftp"), code=68)
        new = stage.folder / "new.bin"
        new.write_bytes(DATA[:200_000])
        await stage.curl(*options, "-T", new, stage.url("new.bin", "tftp"))
        assert stage.root.joinpath("new.bin").read_bytes() == DATA[:200_000]

    play(body)
