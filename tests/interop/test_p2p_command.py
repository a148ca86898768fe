"""The command `p2p` as its users run it: processes that find each other over loopback."""

import json
import random
import signal
import socket
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

MODULE = "p2p.cli"
SIZE = 3_000_001


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `p2p` in the test's folder; whatever still runs at the end is killed."""
    with starting(tmp_path, program(MODULE)) as begin:
        yield begin


@pytest.fixture
def p2p(start: Start) -> Callable[..., str]:
    """Run `p2p` to a good end, without a word on stderr; returns its stdout."""

    def run(*arguments: str) -> str:
        return ended(start(*arguments))

    return run


def shared(start: Start, *arguments: str) -> tuple[Command, str]:
    """A share that listens, and its magnet link."""
    process = start("share", *arguments, "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(random.Random(1).randbytes(SIZE))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "stuff"
    (path / "deep" / "er").mkdir(parents=True)
    (path / "a.txt").write_bytes(b"abc")
    (path / "deep" / "b.bin").write_bytes(random.Random(2).randbytes(100_000))
    (path / "deep" / "er" / "c.txt").write_bytes(random.Random(3).randbytes(70_000))
    (path / "empty").touch()
    return path


def test_a_file_by_torrent_and_by_link_until_ctrl_c(
    start: Start, p2p: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    p2p("create", "file.bin", "--piece-size", "64 KiB")
    share, link = shared(start, "file.bin.torrent")
    place = link.rpartition("x.pe=")[2]
    ways = {
        "link": (link, "--no-dht"),
        "peer": ("file.bin.torrent", "--peer", place, "--no-dht"),
        "dht": ("file.bin.torrent", "--dht-bootstrap", place),
    }
    getting = {into: start("get", *way, "--into", into) for into, way in ways.items()}
    for into, process in getting.items():
        assert ended(process) == f"{into}/file.bin\n"
        assert content(tmp_path / into) == {"file.bin": file.read_bytes()}
    share.send_signal(signal.SIGINT)
    assert ended(share) == ""


def test_a_folder_and_some_of_it(start: Start, folder: Path, tmp_path: Path) -> None:
    _, link = shared(start, "stuff")
    everything = start("get", link, "--into", "all")
    some = start("get", link, "--into", "some", "--select", "*.txt")
    nothing = start("get", link, "--into", "none", "--select", "5")
    assert ended(everything) == "all/stuff\n"
    assert content(tmp_path / "all" / "stuff") == content(folder)
    assert ended(some) == "some/stuff\n"
    texts = {name: data for name, data in content(folder).items() if name.endswith(".txt")}
    assert content(tmp_path / "some" / "stuff") == texts
    assert ended(nothing, 2, "p2p: --select 5: the torrent has files 1 to 4\n") == ""
    assert content(tmp_path / "none") == {}


def test_what_was_interrupted_goes_on(
    start: Start, p2p: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    """Killed outright, then told to stop: each time less is left to fetch."""
    _, link = shared(start, "file.bin")
    command = ("get", link, "--into", "there", "--json", "--no-dht")
    here = 0
    for number in (signal.SIGKILL, signal.SIGTERM):
        getting = start(*command, "--down-limit", "2 MiB/s")
        told = until(getting, lambda told, had=here: told["bytes_here"] > had)
        before, here = here, told["bytes_here"]
        assert before < here < SIZE
        getting.send_signal(number)
        if number == signal.SIGKILL:
            getting.wait(DEADLINE_S)
        else:
            ended(getting, 7, "p2p: interrupted; run the same command again to go on\n")
        assert not (tmp_path / "there" / "file.bin").exists()
    result = records(p2p(*command))[-1]
    assert result["bytes"] == SIZE
    assert 0 < result["received"] <= SIZE - here
    assert content(tmp_path / "there") == {"file.bin": file.read_bytes()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["p2p.command.app", "typer", "rich.progress"])
def test_a_signal_while_it_starts_is_an_interruption_too(
    module: str, number: signal.Signals, start: Start
) -> None:
    interrupted = script(SIGNAL_AT_IMPORT, MODULE)
    process = start(module, str(int(number)), "--help", program=interrupted)
    assert ended(process, 7, "p2p: interrupted; run the same command again to go on\n") == ""


def test_a_share_keeps_its_limit_and_ends_with_its_ratio(
    start: Start, p2p: Callable[..., str], file: Path
) -> None:
    limit = 2_000_000  # bytes per second, and so a second and a half
    options = ("--up-limit", "2 MB/s", "--seed-ratio", "1", "--json")
    share, sharing = shared(start, "file.bin", *options)
    link = json.loads(sharing)["magnet"]
    told = records(p2p("get", link, "--into", "there", "--json", "--no-dht"))
    coming = [record for record in told if record.get("received") and "elapsed_s" in record]
    first, last = coming[0], coming[-1]
    passed = last["elapsed_s"] - first["elapsed_s"]
    assert passed > 0.4
    assert 0.9 * limit < (last["received"] - first["received"]) / passed < 1.1 * limit
    end = records(ended(share))[-1]
    assert (end["phase"], end["peers"]) == ("seeding", 0)
    assert end["sent"] >= SIZE


def test_who_has_it_gives_it_on_when_the_origin_has_left(
    start: Start, p2p: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    p2p("create", "file.bin")
    origin, link = shared(start, "file.bin")
    place = f"127.0.0.1:{free_port()}"
    second = start("get", link, "--into", "second", "--seed", "--json", "--listen", place)
    assert until(second, lambda told: told["event"] == "done")["bytes"] == SIZE
    origin.send_signal(signal.SIGTERM)
    assert ended(origin) == ""
    p2p("get", "file.bin.torrent", "--into", "third", "--dht-bootstrap", place)
    assert content(tmp_path / "third") == {"file.bin": file.read_bytes()}
    second.send_signal(signal.SIGINT)
    ended(second)


def test_a_new_version_comes_to_who_follows_the_publishers_key(
    start: Start, p2p: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    """Whoever has the key publishes the next version, from any place that reaches the DHT."""
    place = f"127.0.0.1:{free_port()}"
    first = start("share", "file.bin", "--update-key", "key", "--listen", place)
    assert first.stdout is not None
    link = first.stdout.readline().strip()
    assert link.endswith(f"&x.pe={place}")  # which is a way into the DHT
    follower = start("get", link, "--follow", "--into", "there")
    assert follower.stdout is not None
    assert follower.stdout.readline() == "there/1/file.bin\n"
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file.bin").write_bytes(b"second" * 1000)
    options = ("--update-key", "key", "--dht-bootstrap", place)
    second, same = shared(start, "new/file.bin", *options)
    assert same.partition("&")[0] == link.partition("&")[0]
    assert p2p("get", link, "--into", "late", "--dht-bootstrap", place) == "late/file.bin\n"
    assert content(tmp_path / "late") == {"file.bin": b"second" * 1000}
    for process in (first, second, follower):
        process.send_signal(signal.SIGINT)
        assert ended(process) == ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def test_what_is_wrong_with_the_disk_has_its_codes(
    start: Start, p2p: Callable[..., str], file: Path, tmp_path: Path
) -> None:
    p2p("create", "file.bin")
    _, link = shared(start, "file.bin")
    (tmp_path / "changed").mkdir()
    (tmp_path / "changed" / "file.bin").write_bytes(file.read_bytes()[:-1] + b"!")
    (tmp_path / "absent").mkdir()
    small = script(SMALL_DISK, MODULE)
    cases = {
        5: start("share", "file.bin.torrent", "--from", "changed"),
        3: start("share", "file.bin.torrent", "--from", "absent"),
        6: start("get", link, "--into", "small", program=small),
    }
    for code, process in cases.items():
        out, err = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, out, err.count("\n")) == (code, "", 1)
        assert err.startswith("p2p: ")
        assert "file.bin" in err
    # Once there is room it goes on.
    assert p2p("get", link, "--into", "small") == "small/file.bin\n"
    assert content(tmp_path / "small") == {"file.bin": file.read_bytes()}
