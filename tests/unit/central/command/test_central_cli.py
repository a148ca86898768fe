"""The command line in process: results on stdout, errors as one line on stderr, an exit code each.

What goes over the network is tests/interop/test_central_command.py's; here the nodes are fakes.
"""

import asyncio
import errno
import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from central.cli import main
from central.command import looks, serving, transfers
from central.config import ClientConfig
from central.errors import (
    BusyError,
    CentralError,
    CorruptError,
    DeniedError,
    DiskError,
    NotFoundError,
    TransferError,
)
from central.landing import Landing
from central.library.library import Change, Entry
from central.link import Link

Command = Callable[..., tuple[int, str, str]]
URL = "http://127.0.0.1:9/a.txt"
CONTENT = b"0123456789"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
LEFT = "interrupted; what has come of a get is kept for get --continue"
COMMANDS = ["serve", "get", "put", "list", "watch", "grant", "revoke", "tokens"]


def one_line(err: str) -> str:
    assert err.startswith("central: ")
    assert err.count("\n") == 1
    return err[len("central: ") : -1]


class Stage:
    """What the fake nodes do, and what was asked of them."""

    def __init__(self) -> None:
        self.refused: int | None = None
        self.outcome: Exception | None = None
        self.signal: int | None = None
        self.tells_digest = False
        self.changes: list[Change] = []
        self.fetched: list[tuple[str, Path]] = []
        """Links, and where their files are to land."""
        self.asked: dict[str, Any] = {}
        self.closed = 0
        self.host: Any = None
        self.config: Any = None

    async def work(self) -> None:
        """What every fake does in the end."""
        await asyncio.sleep(0.002)
        if self.signal is not None:
            os.kill(os.getpid(), self.signal)
            await asyncio.sleep(60)
        if self.outcome is not None:
            raise self.outcome


class FakeServer:
    def __init__(self, stage: Stage, host: Any, **asked: Any) -> None:
        self.stage, self.addresses = stage, {}
        self.ports = asked["ports"]
        stage.host, stage.asked = host, asked

    async def start(self) -> None:
        for scheme, port in self.ports.items():
            if self.stage.refused is not None and scheme != "http":
                raise OSError(self.stage.refused, os.strerror(self.stage.refused))
            self.addresses[scheme] = (self.stage.host.address, port or 4321)
        asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), self.stage.signal)

    async def close(self) -> None:
        self.stage.closed += 1


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()

    async def fetch(host: Any, link: Link, landing: Landing, config: Any) -> None:
        stage.host, stage.config = host, config
        stage.fetched.append((str(link), landing.path))
        landing.begin(0, len(CONTENT), '"v1"', DIGEST if stage.tells_digest else None)
        await landing.write(CONTENT[:5])
        await stage.work()
        await landing.write(CONTENT[5:])

    async def put(host: Any, link: Link, path: Path, config: Any, report: Any) -> None:
        stage.host, stage.config = host, config
        stage.asked = {"link": str(link), "path": path}
        report(3)
        await stage.work()

    async def listing(host: Any, link: Link, config: Any) -> list[Entry]:
        stage.asked, stage.config = {"link": str(link)}, config
        await stage.work()
        return [entry("in/", 0), entry("a\x1b.txt", 2048)]

    async def watch(host: Any, link: Link, config: Any) -> AsyncIterator[Change]:
        stage.asked, stage.config = {"link": str(link)}, config
        for change in stage.changes:
            yield change
        await stage.work()

    monkeypatch.setattr(transfers, "TICK_S", 0.0005)
    monkeypatch.setattr(transfers, "FETCH", dict.fromkeys(("http", "socket", "tftp"), fetch))
    monkeypatch.setattr(transfers, "PUT", dict.fromkeys(("http", "socket", "tftp"), put))
    monkeypatch.setattr(looks, "LISTING", dict.fromkeys(("http", "socket"), listing))
    monkeypatch.setattr(looks, "WATCH", dict.fromkeys(("http", "socket"), watch))
    monkeypatch.setattr(serving, "Server", lambda host, **asked: FakeServer(stage, host, **asked))
    return stage


def entry(path: str, size: int) -> Entry:
    return Entry(path=path, size=size, modified_ns=1_735_787_045 * 10**9)


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


class TestHelp:
    def test_names_the_commands_and_the_exit_codes(self, command: Command) -> None:
        for arguments in ([], ["--help"]):
            code, out, err = command(*arguments)
            assert (code, err) == (0, "")
            assert all(f"\n  {name} " in out for name in COMMANDS)
            said = [line.split()[1] for line in out.splitlines() if line[:5].strip().isdigit()]
            assert said == [
                "done",
                "usage:",
                "not",
                "denied:",
                "corrupt:",
                "disk:",
                "interrupted",
                "anything",
            ]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_the_exit_codes(self, name: str, command: Command) -> None:
        _, out, _ = command(name, "--help")
        assert "\n    4  denied: no token, or none that permits this\n" in out

    @pytest.mark.parametrize("name", ["get", "put", "list", "watch"])
    def test_tokens_are_better_off_in_the_environment(self, name: str, command: Command) -> None:
        _, out, _ = command(name, "--help")
        words = " ".join(out.split())
        assert "Better in the environment: others on this computer can see" in words
        assert "CENTRAL_TOKEN" in words


class TestServe:
    def test_the_urls_come_once_it_listens_and_signals_mean_done(
        self, command: Command, stage: Stage
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            stage.signal = number
            assert command("serve", ".") == (0, "http://127.0.0.1:8080/\n", "")
        assert stage.closed == 2
        assert stage.host.raw
        assert stage.asked["protocols"] == ("http",)
        assert stage.asked["ports"] == {"http": 8080}
        assert stage.asked["library"].writable is False

    def test_options_reach_the_server(self, command: Command, stage: Stage) -> None:
        stage.signal = signal.SIGINT
        options = (
            "--listen 127.0.0.2 --protocol tftp --protocol http:0 --protocol socket --allow-put "
            "--up-limit 1MiB/s --down-limit 8Mbit/s --connections 7 --per-address 3 --json"
        )
        code, out, err = command("serve", ".", *options.split())
        assert (code, err) == (0, "")
        urls = ["tftp://127.0.0.2:8069/", "http://127.0.0.2:4321/", "socket://127.0.0.2:8081/"]
        assert records(out) == [{"event": "serving", "urls": urls, "folder": ".", "writable": True}]
        assert (stage.host.up.rate, stage.host.down.rate) == (2**20, 1e6)
        limits = stage.asked["limits"]
        assert (limits.connections, limits.per_address) == (7, 3)
        assert stage.asked["library"].writable is True

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (
                errno.EADDRINUSE,
                "socket at 127.0.0.1:8081: another program uses that port; --protocol socket:0 "
                "takes one that is free",
            ),
            (
                errno.EADDRNOTAVAIL,
                "socket at 127.0.0.1:8081: this computer has no such address",
            ),
            (errno.EACCES, "socket at 127.0.0.1:8081: Permission denied"),
        ],
    )
    def test_what_cannot_be_listened_at(
        self, error: int, line: str, command: Command, stage: Stage
    ) -> None:
        stage.refused = error
        code, out, err = command("serve", ".", "--protocol", "http", "--protocol", "socket")
        assert (code, out, one_line(err)) == (2, "", line)
        assert stage.closed == 1

    @pytest.mark.parametrize(
        ("arguments", "code", "line"),
        [
            (["nope"], 3, "nope: there is no such folder"),
            (["."], 0, ""),
            ([".", "--listen", "0.0.0.0"], 2, "--listen 0.0.0.0 lets other computers in: "),
            ([".", "--listen", "0.0.0.0", "--allow-put"], 2, "--listen 0.0.0.0 lets other"),
            ([".", "--listen", "0.0.0.0", "--anyone"], 0, ""),
            ([".", "--listen", "0.0.0.0", "--token-file", ".tokens"], 6, "there is no .tokens"),
            ([".", "--log", "-", "--json"], 2, "--json and --log - both write to stdout"),
            ([".", "--log", "../no/where"], 6, "../no/where: No such file or directory"),
            ([".", "--protocol", "ftp"], 2, "Invalid value for '--protocol': 'ftp' is no protocol"),
            ([".", "--connections", "0"], 2, "Invalid value for '--connections': "),
        ],
    )
    def test_who_is_let_in(
        self, arguments: list[str], code: int, line: str, command: Command, stage: Stage
    ) -> None:
        stage.signal = signal.SIGINT
        found, _, err = command("serve", *arguments)
        assert found == code
        if code:
            assert one_line(err).startswith(line)
            assert stage.asked == {}

    def test_its_own_files_are_not_to_be_had(self, command: Command, stage: Stage) -> None:
        """Who may put files could put another token file in the place of this one."""
        Path("site/in").mkdir(parents=True)
        for option in ("--token-file", "--log"):
            for file in ("site/in/own", "site/../site/own", str(Path("site/own").absolute())):
                code, out, err = command("serve", "site", option, file)
                assert (code, out) == (2, "")
                expected = f"{option} {file} would be served; expected a file outside of site"
                assert one_line(err) == expected
        assert stage.asked == {}
        stage.signal = signal.SIGINT
        for file in ("site/.own", "site/.in/own", "own"):
            Path(file).parent.mkdir(exist_ok=True)
            assert command("serve", "site", "--log", file)[0] == 0


class TestGet:
    def test_the_path_is_the_result(self, command: Command, stage: Stage) -> None:
        assert command("get", URL, "--into", "here/and/there") == (0, "here/and/there/a.txt\n", "")
        assert stage.fetched == [(URL, Path("here/and/there/a.txt"))]
        assert [path.name for path in Path("here/and/there").iterdir()] == ["a.txt"]
        assert Path("here/and/there/a.txt").read_bytes() == CONTENT
        assert stage.config == ClientConfig(resume=False)
        assert stage.host.raw
        assert stage.host.address == "127.0.0.1"

    def test_options_reach_the_client(
        self, command: Command, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = "--continue --request-size 4MiB --patience 5s --down-limit 8Mbit/s --token abc"
        assert command("get", URL, *options.split())[0] == 0
        assert stage.config == ClientConfig(
            token="abc", request_size=2**22, patience_s=5.0, resume=True
        )
        # Frames of the persistent socket hold plain numbers only.
        assert type(stage.config.request_size) is int
        assert stage.host.down.rate == 1e6
        monkeypatch.setenv("CENTRAL_TOKEN", "fsl_x")
        command("get", URL, "--force")
        assert stage.config.token == "fsl_x"
        monkeypatch.setenv("CENTRAL_TOKEN", "not a token")
        code, out, err = command("get", URL)
        assert (code, out) == (2, "")
        assert "not a token" not in err

    def test_several_files_come_one_after_the_other(self, command: Command, stage: Stage) -> None:
        other = "socket://127.0.0.1:9/in/b"
        assert command("get", URL, other) == (0, "a.txt\nb\n", "")
        assert stage.fetched == [(URL, Path("a.txt")), (other, Path("b"))]

    def test_json(self, command: Command, stage: Stage) -> None:
        stage.tells_digest = True
        code, out, err = command("get", URL, "--json")
        told = records(out)
        assert (code, err) == (0, "")
        assert {record["event"] for record in told[:-1]} == {"progress"}
        assert told[0] == {
            "event": "progress",
            "name": "a.txt",
            "bytes_here": 5,
            "bytes_wanted": 10,
            "down_rate": 0.0,
            "left_s": None,
            "elapsed_s": 0.0,
        }
        done = {"event": "done", "path": "a.txt", "bytes": 10, "sha256": DIGEST}
        assert told[-1] == done
        code, out, err = command("get", URL, "--json", "--quiet", "--into", "other")
        assert records(out) == [done | {"path": "other/a.txt"}]
        stage.tells_digest = False
        code, out, err = command("get", URL, "--json", "--quiet", "--force")
        assert records(out) == [done | {"sha256": None}]

    def test_nothing_is_overwritten_untold(self, command: Command, stage: Stage) -> None:
        Path("b").write_bytes(b"precious")
        code, out, err = command("get", URL, "http://127.0.0.1:9/b")
        assert (code, out) == (2, "")
        assert one_line(err) == "b exists; --force overwrites it, --into names another place"
        assert stage.fetched == []
        assert command("get", URL, "http://127.0.0.1:9/b", "--force")[0] == 0
        assert Path("b").read_bytes() == CONTENT
        Path("a.txt").unlink()
        Path("a.txt").symlink_to("nowhere")
        assert command("get", URL)[0] == 2
        Path("dir").mkdir()
        code, out, err = command("get", "http://127.0.0.1:9/dir", "--force")
        assert (code, one_line(err)) == (2, "dir is a folder; --into names another place")

    def test_two_files_of_one_name_are_too_many(self, command: Command, stage: Stage) -> None:
        code, out, err = command("get", URL, "tftp://127.0.0.1/in/a.txt")
        assert (code, out) == (2, "")
        assert one_line(err) == "two of the files would be called a.txt; get one at a time"
        assert stage.fetched == []

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_before_the_end_is_an_interruption(
        self, number: int, command: Command, stage: Stage
    ) -> None:
        stage.signal = number
        code, out, err = command("get", URL)
        assert (code, out, one_line(err)) == (7, "", LEFT)
        assert sorted(path.name for path in Path().iterdir()) == ["a.txt.part", "a.txt.part.json"]
        Path("file").write_bytes(b"x")
        code, out, err = command("put", "file", URL)
        assert (code, out, one_line(err)) == (7, "", LEFT)

    @pytest.mark.parametrize(
        ("error", "code", "line"),
        [
            (NotFoundError("a.txt: not there"), 3, "a.txt: not there"),
            (DeniedError("a valid token is needed"), 4, "a valid token is needed"),
            (CorruptError("a is not\nwhat it was"), 5, "a is not what it was"),
            (DiskError("a: no space left"), 6, "a: no space left"),
            (OSError(errno.ENOSPC, "No space left", "a"), 6, "a: No space left"),
            (TransferError("broke off"), 1, "broke off"),
            (BusyError("too many"), 1, "too many"),
            (CentralError("something else"), 1, "something else"),
        ],
    )
    def test_each_failure_has_its_code(
        self, error: Exception, code: int, line: str, command: Command, stage: Stage
    ) -> None:
        stage.outcome = error
        Path("file").write_bytes(b"x")
        for arguments in (("get", URL), ("put", "file", URL), ("list", URL), ("watch", URL)):
            found, out, err = command(*arguments)
            assert (found, out, one_line(err)) == (code, "", line)

    def test_another_file_than_the_link_names_is_corrupt(
        self, command: Command, stage: Stage
    ) -> None:
        code, out, err = command("get", f"{URL}#sha256={'0' * 64}")
        assert (code, out) == (5, "")
        assert one_line(err).startswith("a.txt: ")
        assert not Path("a.txt").exists()


class TestPut:
    def test_the_url_is_the_result(self, command: Command, stage: Stage) -> None:
        Path("in").mkdir()
        Path("in/a b").write_bytes(bytes(10))
        url = "http://127.0.0.1:9/x/a%20b"
        assert command("put", "in/a b", "http://127.0.0.1:9/x/") == (0, f"{url}\n", "")
        assert stage.asked == {"link": url, "path": Path("in/a b")}
        _, out, _ = command("put", "in/a b", URL, "--json", "--up-limit", "8Mbit/s")
        assert stage.host.up.rate == 1e6
        told = records(out)
        assert told[0]["bytes_sent"] == 0
        assert told[-2] | {"elapsed_s": 0, "up_rate": 0.0, "left_s": None} == {
            "event": "progress",
            "name": "a b",
            "bytes_sent": 3,
            "bytes_wanted": 10,
            "up_rate": 0.0,
            "left_s": None,
            "elapsed_s": 0,
        }
        assert told[-1] == {"event": "stored", "url": URL, "bytes": 10}

    @pytest.mark.parametrize(
        ("arguments", "code", "line"),
        [
            (["nope", URL], 3, "nope: there is no such file"),
            ([".", URL], 2, ". is a folder; expected a file"),
            (["file"], 2, "Missing argument 'URL'."),
            (["file", "x"], 2, "'x' is not a link to a server"),
        ],
    )
    def test_what_cannot_be_put(
        self, arguments: list[str], code: int, line: str, command: Command, stage: Stage
    ) -> None:
        Path("file").write_bytes(b"x")
        found, out, err = command("put", *arguments)
        assert (found, out) == (code, "")
        assert one_line(err).startswith(line)
        assert stage.asked == {}


class TestLooks:
    def test_a_folder_is_listed(
        self, command: Command, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code, out, err = command("list", "http://127.0.0.1:9/x/")
        assert (code, err) == (0, "")
        assert stage.asked == {"link": "http://127.0.0.1:9/x"}
        folder, file = out.splitlines()
        assert folder == f"{'-':>10}  {'':16}  in/"
        assert file.startswith("     2 KiB  2025-01-0")
        assert file.endswith(r"  a\x1b.txt")
        code, out, err = command("list", "http://127.0.0.1:9/", "--json")
        modified = "2025-01-02T03:04:05+00:00"
        assert records(out) == [
            {"event": "entry", "path": "in/", "bytes": None, "modified": None},
            {"event": "entry", "path": "a\x1b.txt", "bytes": 2048, "modified": modified},
        ]

    def test_changes_come_until_a_signal(self, command: Command, stage: Stage) -> None:
        stage.signal = signal.SIGINT
        stage.changes = [
            Change(kind="added", path="a", entry=entry("a", 2048)),
            Change(kind="removed", path="b\n", entry=None),
        ]
        code, out, err = command("watch", "socket://127.0.0.1:9", "--every", "2 s")
        assert (code, err) == (0, "")
        assert out == "added    a  (2 KiB)\nremoved  b\\n\n"
        assert (stage.config.poll_s, stage.config.wait_s) == (2.0, None)
        command("watch", "http://127.0.0.1:9", "--wait", "29.5 s")
        assert stage.config.wait_s == 30
        code, out, err = command("watch", "http://127.0.0.1:9", "--json")
        assert records(out) == [
            {
                "event": "change",
                "kind": "added",
                "path": "a",
                "bytes": 2048,
                "modified": "2025-01-02T03:04:05+00:00",
            },
            {"event": "change", "kind": "removed", "path": "b\n", "bytes": None, "modified": None},
        ]
        assert stage.config.poll_s == 1.0


class TestNames:
    def test_one_that_nobody_knows(
        self, command: Command, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(*_: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        for arguments in (("get", "http://nowhere.example/a"), ("list", "http://nowhere.example")):
            code, out, err = command(*arguments)
            assert (code, out) == (3, "")
            assert one_line(err) == "nowhere.example:80: no IPv4 address is known for it"
        assert stage.fetched == []

    def test_a_server_hears_the_name_it_was_called_by(
        self, command: Command, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def known(name: str, *_: Any) -> Any:
            number = {"a.example": "192.0.2.1", "b.example": "127.0.0.3"}[name]
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (number, 0))]

        monkeypatch.setattr(socket, "getaddrinfo", known)
        command("get", "http://b.example/b")
        assert stage.fetched[-1][0] == "http://b.example:80/b"
        assert stage.host.names == {"b.example": "127.0.0.3"}
        assert stage.host.address == "127.0.0.1", "nobody else needs to reach it"
        # TFTP has no place for a name, and compares where packets come from.
        command("get", "tftp://a.example/b", "--force")
        assert stage.fetched[-1][0] == "tftp://192.0.2.1:69/b"
        assert stage.host.address == "0.0.0.0"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["walk"], "No such command 'walk'."),
        (["get"], "Missing argument 'URL'."),
        (["get", "--fast", URL], "No such option: --fast"),
        (["get", "ftp://h/a"], "'ftp://h/a' is not a link to a server"),
        (["get", "http://127.0.0.1:9/"], "'http://127.0.0.1:9/' names no file"),
        (["get", URL + "#md5=1"], f"'{URL}#md5=1': expected #sha256= and 64 digits"),
        (["get", URL, "--patience", "0"], "--patience: expected more than nothing"),
        (["get", URL, "--patience", "5"], "Invalid value for '--patience': '5' is not a dur"),
        (["get", URL, "--request-size", "0"], "--request-size: expected more than nothing"),
        (["get", URL, "--down-limit", "0"], "Invalid value for '--down-limit': '0': expected"),
        (["watch", "http://127.0.0.1:9", "--every", "0"], "--every: expected more than nothing"),
        (["watch", "http://127.0.0.1:9", "--wait", "0"], "--wait: expected more than nothing"),
        (["watch", "tftp://127.0.0.1"], "'tftp://127.0.0.1': TFTP knows no folders"),
        (["list", "tftp://127.0.0.1"], "'tftp://127.0.0.1': TFTP knows no folders"),
    ],
)
def test_what_is_wrong_gets_one_line_and_a_code(
    arguments: list[str], line: str, command: Command, stage: Stage
) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert one_line(err).startswith(line)
    assert stage.fetched == []


def test_a_reader_that_leaves_is_no_error_of_the_disk(
    command: Command, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        monkeypatch.setattr(sys, "argv", ["central", "get", URL, "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 7
