"""The command `central` as its users run it: a server, clients and curl, a process each."""

import hashlib
import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interop.processes import (
    DEADLINE_S,
    SIGNAL_AT_IMPORT,
    SMALL_DISK,
    Command,
    Start,
    content,
    ended,
    program,
    records,
    script,
    starting,
    until,
)
from programs import needs

MODULE = "central.cli"
SIZE = 3_000_001
TOKENS = ("--token-file", "tokens")
SCHEMES = ("http", "socket", "tftp")
LEFT = "central: interrupted; what has come of a get is kept for get --continue\n"
LOGGED = re.compile(
    r'127\.0\.0\.1 - (\S+) \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "([^"]*)" (\d{3}) (\d+|-) '
    r'"[^"]*" "[^"]*"'
)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `central` in the test's folder; whatever still runs at the end is killed."""
    with starting(tmp_path, program(MODULE)) as begin:
        yield begin


@pytest.fixture
def central(start: Start) -> Callable[..., str]:
    """Run `central` to a good end, without a word on stderr; returns its stdout."""

    def run(*arguments: str, **options: dict[str, str]) -> str:
        return ended(start(*arguments, **options))

    return run


@pytest.fixture
def site(tmp_path: Path) -> dict[str, bytes]:
    """What the folder `site` holds."""
    path = tmp_path / "site"
    (path / "deep").mkdir(parents=True)
    (path / "file.bin").write_bytes(random.Random(1).randbytes(SIZE))
    (path / "deep" / "a b.txt").write_bytes(b"abc")
    return content(path)


def served(start: Start, *arguments: str, port: int = 0) -> tuple[Command, list[str]]:
    """A server of `site` that listens, and its URLs; by HTTP unless told otherwise."""
    protocols = () if "--protocol" in arguments else ("--protocol", f"http:{port}")
    process = start("serve", "site", *protocols, *arguments, "--json", "--log", "log")
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["urls"]


def stopped(server: Command) -> None:
    """Ctrl-C is a good end of it."""
    server.send_signal(signal.SIGINT)
    assert ended(server) == ""


def logged(folder: Path) -> list[tuple[str, str, int, int]]:
    """User, request, status and bytes of every line of the access log."""
    found = []
    for line in (folder / "log").read_text().splitlines():
        match = LOGGED.fullmatch(line)
        assert match is not None, line
        user, request, status, sent = match.groups()
        found.append((user, request, int(status), int(sent.replace("-", "0"))))
    return found


def with_token(token: str) -> dict[str, str]:
    return {**os.environ, "CENTRAL_TOKEN": token}


def test_files_go_out_and_in_by_every_protocol(
    start: Start, central: Callable[..., str], site: dict[str, bytes], tmp_path: Path
) -> None:
    protocols = [word for scheme in SCHEMES for word in ("--protocol", f"{scheme}:0")]
    server, urls = served(start, *protocols, "--allow-put")
    assert [url.partition(":")[0] for url in urls] == list(SCHEMES)
    digest = hashlib.sha256(site["file.bin"]).hexdigest()
    getting = {
        scheme: start(
            "get",
            f"{url}file.bin#sha256={digest}",
            f"{url}deep/a%20b.txt",
            "--json",
            "--into",
            scheme,
        )
        for scheme, url in zip(SCHEMES, urls, strict=True)
    }
    for scheme, process in getting.items():
        done = [record for record in records(ended(process)) if record["event"] == "done"]
        assert done[0] == {
            "event": "done",
            "path": f"{scheme}/file.bin",
            "bytes": SIZE,
            "sha256": digest,
        }
        assert content(tmp_path / scheme) == {
            "file.bin": site["file.bin"],
            "a b.txt": site["deep/a b.txt"],
        }
    putting = {
        f"{url}of-{scheme}": start("put", f"{scheme}/file.bin", f"{url}of-{scheme}")
        for scheme, url in zip(SCHEMES, urls, strict=True)
    }
    for url, process in putting.items():
        assert ended(process) == f"{url}\n"
    for scheme in SCHEMES:
        assert (tmp_path / "site" / f"of-{scheme}").read_bytes() == site["file.bin"]
    central("put", "http/a b.txt", f"{urls[0]}deep/new/")
    assert (tmp_path / "site" / "deep" / "new" / "a b.txt").read_bytes() == b"abc"
    for url in urls[:2]:
        listed = records(central("list", f"{url}deep", "--json"))
        assert [(each["path"], each["bytes"]) for each in listed] == [
            ("deep/a b.txt", 3),
            ("deep/new/", None),
        ]
    stopped(server)
    got = {request for _, request, status, sent in logged(tmp_path) if sent == SIZE}
    assert got == {"GET /file.bin HTTP/1.1", "GET /file.bin SOCKET/1", "RRQ /file.bin TFTP"}


def getting_slowly(start: Start, url: str) -> tuple[Command, int]:
    """A get that has got something and is far from its end, and how much that is."""
    getting = start("get", url, "--into", "there", "--json", "--down-limit", "1 MB/s", "--continue")
    told = until(getting, lambda told: told["bytes_here"] > 200_000)
    return getting, told["bytes_here"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_server_that_is_killed_and_comes_back(
    scheme: str,
    start: Start,
    central: Callable[..., str],
    site: dict[str, bytes],
    tmp_path: Path,
) -> None:
    # Slow at its end: what is in the kernel's buffers survives a server.
    server, (url,) = served(start, "--protocol", f"{scheme}:0", "--up-limit", "1 MB/s")
    patience = ("--patience", "2 s") if scheme == "tftp" else ()
    url += "file.bin"
    command = ("get", url, "--into", "there", "--json", *patience)
    getting = start(*command)
    here = until(getting, lambda told: told["bytes_here"] > 200_000)["bytes_here"]
    server.kill()
    began = time.monotonic()
    _, err = getting.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - began < 10
    assert (getting.returncode, err.count("\n")) == (1, 1)
    assert err.startswith("central: ")
    assert "file.bin" in err
    assert sorted(content(tmp_path / "there")) == ["file.bin.part", "file.bin.part.json"]
    kept = (tmp_path / "there" / "file.bin.part").stat().st_size
    assert here <= kept < SIZE
    (tmp_path / "log").unlink()
    server, _ = served(start, "--protocol", url.split("/")[2].replace("127.0.0.1", scheme))
    done = records(central(*command, "--continue"))[-1]
    assert done["bytes"] == SIZE
    assert content(tmp_path / "there") == {"file.bin": site["file.bin"]}
    stopped(server)
    assert [sent for _, _, _, sent in logged(tmp_path) if sent] == [SIZE - kept]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_interrupted_goes_on_or_is_begun_anew(
    number: signal.Signals,
    start: Start,
    central: Callable[..., str],
    site: dict[str, bytes],
    tmp_path: Path,
) -> None:
    _, (url,) = served(start)
    url += "file.bin"
    getting, here = getting_slowly(start, url)
    getting.send_signal(number)
    ended(getting, 7, LEFT)
    assert sorted(content(tmp_path / "there")) == ["file.bin.part", "file.bin.part.json"]
    again, more = getting_slowly(start, url)
    assert more >= here
    again.send_signal(number)
    ended(again, 7, LEFT)
    # Untold to go on, it begins anew: what is there may be anything.
    part = tmp_path / "there" / "file.bin.part"
    part.write_bytes(b"?" * part.stat().st_size)
    assert central("get", url, "--into", "there") == "there/file.bin\n"
    assert content(tmp_path / "there") == {"file.bin": site["file.bin"]}


def test_tokens_open_the_door_and_shut_it_on_a_transfer_under_way(
    start: Start, central: Callable[..., str], site: dict[str, bytes], tmp_path: Path
) -> None:
    curl = (needs("curl"), "-sS", "--max-time", str(DEADLINE_S))
    reader = central("grant", "reader", *TOKENS).strip()
    server, (url,) = served(start, *TOKENS, "--allow-put", "--up-limit", "1 MB/s")
    writer = central("grant", "writer", "--write", *TOKENS).strip()

    def status(*arguments: str) -> str:
        return ended(start(*arguments, "-o", "/dev/null", "-w", "%{http_code}", program=curl))

    def let_in(token: str) -> bool:
        return status("-H", f"Authorization: Bearer {token}", url + "nothing") == "404"

    # The server looks at the file four times a second.
    assert any(let_in(writer) for _ in range(100))
    bearer = f"Authorization: Bearer {reader}"
    assert status(url + "file.bin") == "401"
    assert status(url + "nothing") == "401"
    assert status("-H", bearer, url + "nothing") == "404"
    assert status("-H", bearer, "-T", "log", url + "upload") == "403"
    assert central("put", "log", url + "up", environment=with_token(writer)) == f"{url}up\n"

    slow = start("-H", bearer, "-o", "part", url + "file.bin", program=curl)
    here = tmp_path / "part"
    while not here.exists() or here.stat().st_size < 100_000:
        assert slow.poll() is None
        time.sleep(0.02)
    assert central("revoke", "reader", *TOKENS) == "revoked reader\n"
    began = time.monotonic()
    _, said = slow.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - began < 1.5
    assert slow.returncode in (18, 56), said  # a partial file, or a reset
    assert 100_000 <= here.stat().st_size < SIZE
    assert status("-H", bearer, url + "file.bin") == "401"
    states = {each["name"]: each["state"] for each in records(central("tokens", *TOKENS, "--json"))}
    assert states == {"reader": "revoked", "writer": "valid"}
    stopped(server)
    seen = {(user, status) for user, _, status, _ in logged(tmp_path) if user != "-"}
    assert {("reader", 499), ("writer", 201)} <= seen
    assert {user for user, _, status, _ in logged(tmp_path) if status == 401} == {"-"}


def test_changes_are_seen_by_who_asks_and_by_who_is_told(
    start: Start, site: dict[str, bytes], tmp_path: Path
) -> None:
    server, urls = served(start, "--protocol", "http:0", "--protocol", "socket:0")
    watching = [start("watch", url, "--json", "--every", "100 ms") for url in urls]
    # A watch does not say when it has begun: it has when it has seen a change.
    for number, process in enumerate(watching):
        beat = start("-c", BEAT.format(number=number), program=("sh",))
        seen = until(process, lambda told, name=f"beat-{number}": told["path"] == name)
        assert seen["kind"] in ("added", "changed")
        beat.kill()
    (tmp_path / "new").write_bytes(b"12345")
    (tmp_path / "new").rename(tmp_path / "site" / "new")
    for process in watching:
        told = until(process, lambda told: told["path"] == "new")
        assert (told["event"], told["kind"], told["bytes"]) == ("change", "added", 5)
    (tmp_path / "site" / "new").unlink()
    for process, number in zip(watching, (signal.SIGINT, signal.SIGTERM), strict=True):
        told = until(process, lambda told: told["kind"] == "removed")
        assert told | {"event": ""} == {
            "event": "",
            "kind": "removed",
            "path": "new",
            "bytes": None,
            "modified": None,
        }
        process.send_signal(number)
        ended(process)
    stopped(server)


BEAT = """
n=0
while true; do n=$((n+1)); echo $n > site/beat-{number}; sleep 0.2; done
"""


def test_each_failure_has_its_code(start: Start, site: dict[str, bytes], tmp_path: Path) -> None:
    server, (url,) = served(start)
    place = url.split("/")[2]
    port = int(place.rpartition(":")[2])
    (tmp_path / "file.bin").write_bytes(b"precious")
    small = script(SMALL_DISK, MODULE)
    cases = [
        (2, "file.bin exists; ", start("get", url + "file.bin")),
        (2, f"http at {place}: another", start("serve", "site", "--protocol", f"http:{port}")),
        (3, "nothing: ", start("get", url + "nothing", "--into", "a")),
        (4, "log: ", start("put", "log", url)),
        (5, "file.bin: ", start("get", f"{url}file.bin#sha256={'0' * 64}", "--into", "b")),
        (6, "c/file.bin: ", start("get", url + "file.bin", "--into", "c", program=small)),
    ]
    for code, line, process in cases:
        out, err = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, out, err.count("\n")) == (code, "", 1), err
        assert err.startswith(f"central: {line}")
    assert (tmp_path / "file.bin").read_bytes() == b"precious"
    assert content(tmp_path / "b") == {}
    # Once there is room it goes on.
    assert ended(start("get", url + "file.bin", "--into", "c", "--continue")) == "c/file.bin\n"
    assert content(tmp_path / "c") == {"file.bin": site["file.bin"]}
    stopped(server)
    nobody = start("get", url + "deep/a%20b.txt")
    out, err = nobody.communicate(timeout=DEADLINE_S)
    assert (nobody.returncode, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["central.command.app", "typer", "h11", "rich.progress"])
def test_a_signal_while_it_starts_is_an_interruption_too(
    module: str, number: signal.Signals, start: Start
) -> None:
    interrupted = script(SIGNAL_AT_IMPORT, MODULE)
    process = start(module, str(int(number)), "--help", program=interrupted)
    assert ended(process, 7, LEFT) == ""


def test_a_token_is_good_for_so_many_downloads(
    start: Start, central: Callable[..., str], site: dict[str, bytes]
) -> None:
    alice = with_token(central("grant", "alice", *TOKENS, "--downloads", "1").strip())
    server, (url,) = served(start, *TOKENS)
    url += "deep/a%20b.txt"
    assert central("get", url, environment=alice) == "a b.txt\n"
    again = start("get", url, "--force", environment=alice)
    out, err = again.communicate(timeout=DEADLINE_S)
    assert (again.returncode, out, err.count("\n")) == (4, "", 1)
    stopped(server)
    (told,) = records(central("tokens", *TOKENS, "--json"))
    assert (told["used"], told["downloads"]) == (1.0, 1)
