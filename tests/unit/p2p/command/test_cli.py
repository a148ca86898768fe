"""The command line in process: results on stdout, errors as one line on stderr, an exit code each.

What goes over the network is tests/interop/test_p2p_command.py's; here the peer is a fake.
"""

import asyncio
import errno
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from p2p import magnet
from p2p.bencode import decode, encode
from p2p.cli import main
from p2p.command import session
from p2p.dht.items import public_key
from p2p.disk.store import describe
from p2p.errors import CorruptError, DiskError, MetainfoError, NotFoundError, P2PError
from p2p.magnet import Magnet, UpdateMagnet
from p2p.metainfo import Metainfo
from p2p.progress import Progress
from p2p.updates import Update

P2P = Callable[..., tuple[int, str, str]]
HASH = "aa" * 20
LINK = f"magnet:?xt=urn:btih:{HASH}"
UPDATES = f"magnet:?xs=urn:btpk:{'bb' * 32}"


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[P2P]:
    """Run `p2p` here and return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "TICK_S", 0)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["p2p", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert isinstance(end.value.code, int)
        return end.value.code, *capsys.readouterr()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Stage:
    """What the fake peers do, and what was asked of them."""

    def __init__(self) -> None:
        self.taken: dict[int, int] = {}
        self.outcome: Path | Exception | None = Path("here/stuff")
        self.signal: int | None = None
        self.signal_when_done = False
        self.sent_a_look = 0
        self.connected = 0
        self.peers: list[FakePeer] = []
        self.asked: dict[str, Any] = {}
        self.newest: Update | Exception = Update(1, bytes(20))

    @property
    def peer(self) -> "FakePeer":
        return self.peers[-1]


class FakePeer:
    def __init__(self, stage: Stage, host: Any, config: Any, ways_in: Any) -> None:
        self.stage, self.host, self.config = stage, host, config
        self.ways_in = list(ways_in())
        self.closed = False
        stage.peers.append(self)

    async def start(self) -> None:
        if error := self.stage.taken.get(self.config.port):
            raise OSError(error, os.strerror(error))

    @property
    def address(self) -> tuple[str, int]:
        return self.host.address, self.config.port

    async def seed(self, metainfo: Metainfo, directory: Path, *, verified: bool) -> "FakeSwarm":
        self.stage.asked = {"metainfo": metainfo, "directory": directory, "verified": verified}
        if isinstance(self.stage.outcome, Exception):
            raise self.stage.outcome
        return FakeSwarm(self, metainfo)

    async def publish_update(self, secret: bytes, infohash: bytes) -> str:
        self.stage.asked["update"] = secret, infohash
        return str(UpdateMagnet(public_key(secret)))

    async def newest(self, link: str) -> Update:
        if isinstance(self.stage.newest, Exception):
            raise self.stage.newest
        self.stage.asked["link"] = link
        return self.stage.newest

    async def follow(self, link: str, directory: Path) -> AsyncIterator[Path]:
        self.stage.asked = {"link": link, "directory": directory}
        yield directory / "1" / "stuff"
        yield directory / "2" / "stuff"
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    def give_up_if_alone(self, swarm: "FakeSwarm") -> None:
        pass

    async def get(self, wanted: Any, directory: Path, select: Any, peers: Any) -> "FakeSwarm":
        self.stage.asked = {"wanted": wanted, "directory": directory, "peers": list(peers)}
        metainfo = wanted if isinstance(wanted, Metainfo) else Metainfo.build("stuff", 0, 2**14, [])
        swarm = FakeSwarm(self, metainfo)
        if select is not None:
            try:
                self.stage.asked["selected"] = sorted(select(metainfo))
            except P2PError as error:
                swarm.fail(error)
        return swarm

    def magnet(self, swarm: "FakeSwarm") -> Magnet:
        own = (self.address,) if self.config.names_itself else ()
        return Magnet(swarm.metainfo.infohash, peers=own)

    async def close(self) -> None:
        self.closed = True


class FakeSwarm:
    trouble: BaseException | None = None

    def __init__(self, peer: FakePeer, metainfo: Metainfo) -> None:
        self.metainfo, self.stage = metainfo, peer.stage
        self.done = peer.host.loop.create_future()
        self.looks = 0
        if isinstance(self.stage.outcome, Exception):
            self.fail(self.stage.outcome)
        elif self.stage.outcome is not None:
            peer.host.loop.call_later(0.001, self.finish, self.stage.outcome)

    def finish(self, path: Path) -> None:
        if not self.done.done():
            self.done.set_result(path)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()

    def progress(self) -> Progress:
        self.looks += 1
        due = self.done.done() if self.stage.signal_when_done else self.looks == 3
        if self.stage.signal is not None and due:
            os.kill(os.getpid(), self.stage.signal)
        sent = self.looks * self.stage.sent_a_look
        phase = "seeding" if self.done.done() else "downloading"
        return Progress(phase, 10, 10, 1, 1, self.stage.connected, 0, sent, 10)  # type: ignore[arg-type]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(session, "Peer", lambda *given: FakePeer(stage, *given))
    return stage


def file(name: str = "file.bin", content: bytes = b"x" * 40_000) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def one_line(err: str) -> str:
    assert err.startswith("p2p: ")
    assert err.count("\n") == 1
    return err[len("p2p: ") : -1]


class TestHelp:
    def test_names_the_commands_and_the_exit_codes(self, command: P2P) -> None:
        for arguments in ([], ["--help"]):
            code, out, err = command(*arguments)
            assert (code, err) == (0, "")
            for words in ("create  ", "show  ", "share  ", "get  "):
                assert f"\n  {words}" in out
            for line in (
                "0  done",
                "2  usage",
                "3  not found",
                "5  corrupt",
                "6  disk",
                "7  inter",
            ):
                assert f"    {line}" in out

    @pytest.mark.parametrize("name", ["create", "show", "share", "get"])
    def test_every_command_has_the_exit_codes(self, name: str, command: P2P) -> None:
        _, out, _ = command(name, "--help")
        assert "    7  interrupted (Ctrl-C, SIGTERM)" in out

    def test_json_is_described(self, command: P2P) -> None:
        for name in ("share", "get"):
            _, out, _ = command(name, "--help")
            assert '    {"event": "progress", "phase": ' in out
            for field in Progress.__dataclass_fields__:
                assert f'"{field}"' in out


class TestCreateAndShow:
    def test_a_file(self, command: P2P) -> None:
        metainfo = describe(file())
        link = f"magnet:?xt=urn:btih:{metainfo.infohash.hex()}&dn=file.bin&xl=40000"
        expected = f"infohash  {metainfo.infohash.hex()}\nmagnet    {link}\n"
        assert command("create", "file.bin") == (0, expected, "")
        assert Path("file.bin.torrent").read_bytes() == metainfo.to_torrent()
        assert sorted(path.name for path in Path().iterdir()) == ["file.bin", "file.bin.torrent"]
        assert command("show", "file.bin.torrent") == (
            0,
            "name      file.bin\n"
            f"infohash  {metainfo.infohash.hex()}\n"
            "size      39.06 KiB (40,000 B)\n"
            "pieces    3 of 16 KiB\n"
            f"magnet    {link}\n"
            "files\n"
            "    1  39.06 KiB (40,000 B)  file.bin\n",
            "",
        )

    def test_a_folder(self, command: P2P) -> None:
        file("stuff/a.txt", b"abc")
        file("stuff/b/c.bin")
        code, out, err = command("create", "stuff/", "--piece-size", "32 KiB", "--json")
        made = json.loads(out)
        assert (code, err) == (0, "")
        assert made["event"] == "created"
        assert made["path"] == "stuff.torrent"
        assert (made["bytes"], made["piece_bytes"], made["pieces"]) == (40_003, 32_768, 2)
        del made["path"]
        assert json.loads(command("show", "stuff.torrent", "--json")[1]) == made | {
            "event": "shown"
        }

    def test_where_to_is_for_the_user_to_say(self, command: P2P) -> None:
        file()
        assert command("create", "file.bin", "--output", "other.torrent")[0] == 0
        assert Path("other.torrent").exists()
        assert not Path("file.bin.torrent").exists()

    def test_nothing_is_overwritten_untold(self, command: P2P) -> None:
        file()
        file("file.bin.torrent", b"precious")
        code, out, err = command("create", "file.bin")
        assert (code, out) == (2, "")
        assert one_line(err) == (
            "file.bin.torrent exists; --force overwrites it, --output names another"
        )
        assert Path("file.bin.torrent").read_bytes() == b"precious"
        assert command("create", "file.bin", "--force")[0] == 0
        assert Path("file.bin.torrent").read_bytes().startswith(b"d4:info")

    def test_this_folder_has_a_name_too(
        self, command: P2P, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file("stuff/a.txt")
        monkeypatch.chdir("stuff")
        assert command("create", ".", "--output", "../s.torrent")[0] == 0
        assert command("show", "../s.torrent")[1].startswith("name      stuff\n")

    def test_what_a_magnet_link_says(self, command: P2P) -> None:
        assert command("show", LINK) == (
            0,
            f"name      not in the link\ninfohash  {HASH}\nsize      not in the link\n"
            f"magnet    {LINK}\n",
            "",
        )
        link = f"{LINK}&dn=a%1B%5B2J&xl=5&x.pe=192.0.2.1%3A7&x.pe=a.example%3A8"
        code, out, _ = command("show", link)
        assert code == 0
        assert out.splitlines()[0] == r"name      a\x1b[2J"
        assert out.splitlines()[2:5] == [
            "size      5 B",
            "peer      192.0.2.1:7",
            "peer      a.example:8",
        ]
        shown = json.loads(command("show", link, "--json")[1])
        assert shown == {
            "event": "shown",
            "name": "a\x1b[2J",
            "infohash": HASH,
            "bytes": 5,
            "peers": ["192.0.2.1:7", "a.example:8"],
            "magnet": str(magnet.parse(link)),
        }


class TestShare:
    def test_the_link_comes_at_once_and_ctrl_c_means_done(self, command: P2P, stage: Stage) -> None:
        metainfo = describe(file())
        for number in (signal.SIGINT, signal.SIGTERM):
            stage.signal = number
            link = f"magnet:?xt=urn:btih:{metainfo.infohash.hex()}&x.pe=127.0.0.1:6881"
            assert command("share", "file.bin") == (0, f"{link}\n", "")
            asked = {"metainfo": metainfo, "directory": Path(), "verified": True}
            assert stage.asked == asked, "it was hashed to be described"
            assert stage.peer.closed

    def test_a_torrents_files_are_beside_it_or_where_it_is_said(
        self, command: P2P, stage: Stage
    ) -> None:
        metainfo = describe(file())
        file("torrents/a.torrent", metainfo.to_torrent())
        stage.sent_a_look = 40
        assert command("share", "torrents/a.torrent", "--seed-ratio", "1")[0] == 0
        asked = {"metainfo": metainfo, "directory": Path("torrents"), "verified": False}
        assert stage.asked == asked
        Path("there").mkdir()
        options = ("--from", "there", "--dht-bootstrap", "127.0.0.4:3")
        command("share", "torrents/a.torrent", "--seed-ratio", "1", *options)
        assert stage.asked["directory"] == Path("there")
        assert stage.peer.ways_in == [("127.0.0.4", 3)]

    def test_a_file_that_changes_meanwhile_ends_it(
        self, command: P2P, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file()
        monkeypatch.setattr(FakeSwarm, "trouble", CorruptError("file.bin has changed"))
        code, _, said = command("share", "file.bin")
        assert (code, said) == (5, "p2p: file.bin has changed\n")

    def test_it_ends_when_the_ratio_is_reached(self, command: P2P, stage: Stage) -> None:
        file()
        stage.sent_a_look = 2
        code, out, _ = command("share", "file.bin", "--seed-ratio", "1.2", "--json")
        records = [json.loads(line) for line in out.splitlines()]
        assert code == 0
        assert [record.get("sent") for record in records] == [None, 2, 4, 6, 8, 10, 12]
        assert records[0] == {
            "event": "sharing",
            "magnet": f"magnet:?xt=urn:btih:{records[0]['infohash']}&x.pe=127.0.0.1:6881",
            "updates": None,
            "infohash": describe(Path("file.bin")).infohash.hex(),
            "name": "file.bin",
            "bytes": 40_000,
            "address": "127.0.0.1:6881",
        }

    def test_what_was_sent_has_some_time_to_arrive(
        self, command: P2P, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file()
        monkeypatch.setattr(session, "LINGER_S", 0.01)
        stage.sent_a_look, stage.connected = 10, 1
        _, out, _ = command("share", "file.bin", "--seed-ratio", "1", "--json")
        assert len(out.splitlines()) > 2

    def test_on_all_addresses_none_is_named(self, command: P2P, stage: Stage) -> None:
        file()
        stage.signal = signal.SIGINT
        _, out, _ = command("share", "file.bin", "--listen", "0.0.0.0")
        assert "x.pe" not in out
        assert stage.peer.address == ("0.0.0.0", 6881)


class TestTorrentsThatChange:
    def test_a_key_is_made_once_and_its_link_is_printed(self, command: P2P, stage: Stage) -> None:
        file()
        stage.signal = signal.SIGINT
        code, out, err = command("share", "file.bin", "--update-key", "key")
        secret = bytes.fromhex(Path("key").read_text())
        assert Path("key").stat().st_mode & 0o777 == 0o600
        assert (code, err) == (0, "")
        assert out == f"magnet:?xs=urn:btpk:{public_key(secret).hex()}\n"
        assert stage.asked["update"] == (secret, describe(Path("file.bin")).infohash)
        assert command("share", "file.bin", "--update-key", "key")[1] == out
        told = command("share", "file.bin", "--update-key", "key", "--json")[1]
        sharing = json.loads(told.splitlines()[0])
        assert sharing["updates"] + "\n" == out
        assert sharing["magnet"].startswith("magnet:?xt=urn:btih:")

    def test_a_private_torrent_has_no_such_link(self, command: P2P, stage: Stage) -> None:
        file()
        metainfo = describe(Path("file.bin"))
        info = decode(metainfo.info_bytes)
        assert isinstance(info, dict)
        private = Metainfo.from_info(encode({**info, b"private": 1}))
        Path("a.torrent").write_bytes(private.to_torrent())
        code, out, err = command("share", "a.torrent", "--update-key", "key")
        assert (code, out) == (2, "")
        assert one_line(err) == "--update-key: a.torrent is private, and the DHT is not (BEP 27)"

    def test_a_publishers_link_gets_the_newest(self, command: P2P, stage: Stage) -> None:
        assert command("get", UPDATES) == (0, "here/stuff\n", "")
        assert stage.asked["wanted"] == Magnet(bytes(20))
        stage.newest = NotFoundError("nobody knows")
        assert command("get", UPDATES) == (3, "", "p2p: nobody knows\n")

    def test_every_version_is_told_until_ctrl_c(self, command: P2P, stage: Stage) -> None:
        into = ("--into", "there")
        assert command("get", UPDATES, "--follow", *into) == (
            0,
            "there/1/stuff\nthere/2/stuff\n",
            "",
        )
        assert stage.asked == {"link": UPDATES, "directory": Path("there")}
        assert stage.peer.closed
        told = command("get", UPDATES, "--follow", "--json", *into)[1].splitlines()
        assert json.loads(told[1]) == {"event": "done", "path": "there/2/stuff", "version": 2}

    def test_what_a_publishers_link_says(self, command: P2P) -> None:
        code, out, _ = command("show", UPDATES + "&s=6e")
        assert (code, out) == (
            0,
            f"key       {'bb' * 32}\nsalt      6e\nmagnet    {UPDATES}&s=6e\n",
        )
        shown = json.loads(command("show", UPDATES, "--json")[1])
        assert shown == {"event": "shown", "key": "bb" * 32, "salt": "", "magnet": UPDATES}


class TestGet:
    def test_the_path_is_the_result(self, command: P2P, stage: Stage) -> None:
        assert command("get", LINK, "--into", "here/and/there") == (0, "here/stuff\n", "")
        assert stage.asked == {
            "wanted": Magnet(bytes.fromhex(HASH)),
            "directory": Path("here/and/there"),
            "peers": [],
        }
        assert Path("here/and/there").is_dir()
        assert stage.peer.closed
        config = stage.peer.config
        assert (config.port, config.dht, config.names_itself) == (6881, True, True)
        assert config.patience_s == 60.0

    def test_options_reach_the_peer(self, command: P2P, stage: Stage) -> None:
        options = (
            "--up-limit 1MiB/s --down-limit 8Mbit/s --listen 127.0.0.2:7000 --patience 5s "
            "--peer 127.0.0.3:1 --peer localhost:2 --dht-bootstrap 127.0.0.4:3"
        )
        assert command("get", f"{LINK}&x.pe=127.0.0.5%3A4", *options.split())[0] == 0
        assert stage.peer.host.address == "127.0.0.2"
        assert (stage.peer.host.up.rate, stage.peer.host.down.rate) == (2**20, 1e6)
        assert (stage.peer.config.port, stage.peer.config.patience_s) == (7000, 5.0)
        assert stage.peer.ways_in == [("127.0.0.4", 3)]
        peers = [("127.0.0.3", 1), ("127.0.0.1", 2), ("127.0.0.5", 4)]
        assert stage.asked["peers"] == peers
        assert stage.asked["wanted"].peers == ()
        command("get", LINK, "--no-dht")
        assert stage.peer.config.dht is False
        assert stage.peer.host.raw

    def test_every_run_is_another_peer(self, command: P2P, stage: Stage) -> None:
        command("get", LINK)
        command("get", LINK)
        assert stage.peers[0].host.rng.random() != stage.peers[1].host.rng.random()

    def test_json(self, command: P2P, stage: Stage) -> None:
        code, out, err = command("get", LINK, "--json")
        records = [json.loads(line) for line in out.splitlines()]
        assert (code, err) == (0, "")
        assert {record["event"] for record in records[:-1]} == {"progress"}
        assert records[-1].pop("infohash") == Metainfo.build("stuff", 0, 2**14, []).infohash.hex()
        assert records[-1] == {"event": "done", "path": "here/stuff", "bytes": 10, "received": 10}
        code, out, err = command("get", LINK, "--json", "--quiet")
        assert [json.loads(line)["event"] for line in out.splitlines()] == ["done"]

    def test_files_are_chosen(self, command: P2P, stage: Stage) -> None:
        for name in ("a", "b", "c"):
            file(f"stuff/{name}", name.encode())
        file("s.torrent", describe(Path("stuff")).to_torrent())
        assert command("get", "s.torrent", "--select", "1", "--select", "c", "--into", "n")[0] == 0
        assert stage.asked["selected"] == [0, 2]
        stage.asked = {}
        code, out, err = command("get", "s.torrent", "--select", "4", "--into", "new")
        assert (code, out) == (2, "")
        assert one_line(err) == "--select 4: the torrent has files 1 to 3"
        assert stage.asked == {}
        assert not Path("new").exists()
        code, _, err = command("get", LINK, "--select", "2")
        assert code == 2
        assert one_line(err) == "--select 2: the torrent has files 1 to 1"

    def test_padding_is_neither_shown_nor_to_be_had(self, command: P2P, stage: Stage) -> None:
        for name in ("a", "b", "c"):
            file(f"stuff/{name}", name.encode())
        entry = b"d6:lengthi1e4:pathl1:bee"
        plain = describe(Path("stuff")).to_torrent()
        assert entry in plain
        file("s.torrent", plain.replace(entry, b"d4:attr1:p" + entry[1:]))
        shown = command("show", "s.torrent")[1].splitlines()
        assert shown[shown.index("files") + 1 :] == ["    1  1 B  stuff/a", "    3  1 B  stuff/c"]
        listed = json.loads(command("show", "s.torrent", "--json")[1])["files"]
        assert [each["number"] for each in listed] == [1, 3]
        code, out, err = command("get", "s.torrent", "--select", "2", "--into", "new")
        assert (code, out) == (2, "")
        assert one_line(err) == "--select 2: only padding between files, nothing to get (BEP 47)"
        assert stage.peers == []
        assert not Path("new").exists()
        assert command("get", "s.torrent", "--select", "1-3")[0] == 0
        assert stage.asked["selected"] == [0, 2]

    def test_a_link_chooses_files_unless_the_user_does(self, command: P2P, stage: Stage) -> None:
        assert command("get", f"{LINK}&so=0-3,7")[0] == 0
        assert stage.asked["selected"] == [0]
        assert command("get", LINK)[0] == 0
        assert "selected" not in stage.asked
        code, out, err = command("get", f"{LINK}&so=1")
        assert (code, out) == (2, "")
        assert one_line(err) == (
            "the link selects (so=) no file that the torrent has; --select chooses others"
        )
        assert stage.peer.closed
        assert command("get", f"{LINK}&so=1", "--select", "*")[0] == 0
        assert stage.asked["selected"] == [0]

    def test_it_shares_on_if_it_is_told_to(self, command: P2P, stage: Stage) -> None:
        stage.sent_a_look = 1
        assert command("get", LINK, "--seed-ratio", "20") == (0, "here/stuff\n", "")
        stage.signal, stage.signal_when_done = signal.SIGINT, True
        assert command("get", LINK, "--seed") == (0, "here/stuff\n", "")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_before_the_end_is_an_interruption(
        self, number: int, command: P2P, stage: Stage
    ) -> None:
        stage.outcome, stage.signal = None, number
        code, out, err = command("get", LINK)
        assert (code, out) == (7, "")
        assert one_line(err) == "interrupted; run the same command again to go on"
        assert stage.peer.closed

    @pytest.mark.parametrize(
        ("error", "code", "line"),
        [
            (NotFoundError("no peer has it"), 3, "no peer has it"),
            (CorruptError("a is not\nwhat it was"), 5, "a is not what it was"),
            (MetainfoError("bad"), 5, "bad"),
            (DiskError("a: no space left"), 6, "a: no space left"),
            (OSError(errno.ENOSPC, "No space left", "a"), 6, "a: No space left"),
            (P2PError("something else"), 1, "something else"),
        ],
    )
    def test_each_failure_has_its_code(
        self, error: Exception, code: int, line: str, command: P2P, stage: Stage
    ) -> None:
        stage.outcome = error
        found, out, err = command("get", LINK)
        assert (found, out, one_line(err)) == (code, "", line)
        assert stage.peer.closed
        file()
        found, out, err = command("share", "file.bin")
        assert (found, out, one_line(err)) == (code, "", line)


class TestPorts:
    def test_the_next_free_one_of_the_usual(self, command: P2P, stage: Stage) -> None:
        stage.taken = dict.fromkeys((6881, 6882), errno.EADDRINUSE)
        assert command("get", LINK)[0] == 0
        assert stage.peer.config.port == 6883
        assert [peer.closed for peer in stage.peers] == [True, True, True]
        stage.taken = dict.fromkeys(range(6881, 6890), errno.EADDRINUSE)
        assert command("get", LINK, "--listen", "127.0.0.1")[0] == 0
        assert stage.peer.config.port == 0

    @pytest.mark.parametrize(
        ("error", "options", "line"),
        [
            (
                errno.EADDRINUSE,
                ["--listen", "127.0.0.1:6881"],
                "--listen 127.0.0.1:6881: another program uses that port; name another, or none to "
                "take one that is free",
            ),
            (
                errno.EADDRNOTAVAIL,
                ["--listen", "192.0.2.1"],
                "--listen 192.0.2.1:6881: this computer has no such address",
            ),
            (errno.EACCES, [], "--listen 127.0.0.1:6881: Permission denied"),
        ],
    )
    def test_what_cannot_be_listened_at(
        self, error: int, options: list[str], line: str, command: P2P, stage: Stage
    ) -> None:
        stage.taken = {6881: error}
        code, out, err = command("get", LINK, *options)
        assert (code, out, one_line(err)) == (2, "", line)
        assert len(stage.peers) == 1


class TestNames:
    def test_one_that_nobody_knows(
        self, command: P2P, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unknown(*_: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        for option in ("--peer", "--dht-bootstrap"):
            code, out, err = command("get", LINK, option, "nowhere.example:1")
            assert (code, out) == (3, "")
            assert one_line(err) == "nowhere.example:1: no IPv4 address is known for it"
        # A link may name what it likes.
        link = f"{LINK}&x.pe=nowhere.example:1&x.pe=[::1]:2&x.pe=127.0.0.9:3"
        assert command("get", link)[0] == 0
        assert stage.asked["peers"] == [("127.0.0.9", 3)]

    def test_loopback_does_not_reach_others_and_says_so(self, command: P2P, stage: Stage) -> None:
        code, out, err = command("get", LINK, "--peer", "192.0.2.1:7")
        assert (code, out) == (0, "here/stuff\n")
        assert one_line(err) == (
            "192.0.2.1:7 is another computer, which 127.0.0.1 does not reach; "
            "say --listen 0.0.0.0 to go beyond this one"
        )
        assert command("get", LINK, "--peer", "192.0.2.1:7", "--quiet")[2] == ""
        assert command("get", LINK, "--peer", "192.0.2.1:7", "--listen", "0.0.0.0")[2] == ""


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["walk"], 2, "No such command 'walk'."),
        (["get"], 2, "Missing argument 'TORRENT|MAGNET'."),
        (["get", "--fast", LINK], 2, "No such option: --fast"),
        (["get", "magnet:?dn=x"], 2, "expected one infohash (xt=urn:btih:...), found 0"),
        (["show", "magnet:?xt=urn:btih:zz"], 2, "xt: expected 40 hex or 32 base32 digits"),
        (["get", "folder"], 2, "folder is a folder; expected a torrent file or magnet link"),
        (
            ["get", LINK, "--up-limit", "fast"],
            2,
            "Invalid value for '--up-limit': 'fast' is not a rate; expected e.g. '10 Mbit/s'",
        ),
        (["get", LINK, "--down-limit", "0"], 2, "Invalid value for '--down-limit': '0': expected"),
        (["get", LINK, "--listen", "x"], 2, "Invalid value for '--listen': 'x' is no place"),
        (["get", LINK, "--peer", "x"], 2, "Invalid value for '--peer': 'x' is no address"),
        (["get", LINK, "--seed-ratio", "0"], 2, "Invalid value for '--seed-ratio': '0' is no"),
        (["get", LINK, "--patience", "5"], 2, "Invalid value for '--patience': '5' is not a dur"),
        (["share", "file", "--from", "x"], 2, "--from is for a torrent's files"),
        (
            ["get", LINK, "--no-dht", "--dht-bootstrap", "127.0.0.1:1"],
            2,
            "--no-dht and --dht-bootstrap exclude each other",
        ),
        (["get", UPDATES + "0"], 2, "xs: expected pairs of hex digits, found 'bbb"),
        (["get", UPDATES, "--no-dht"], 2, "a publisher's link needs the DHT"),
        (["get", LINK, "--follow"], 2, "--follow is for the link of a publisher (xs=urn:btpk:"),
        (["get", UPDATES, "--follow", "--seed"], 2, "--follow excludes --select, --peer, --seed"),
        (["share", "file", "--update-key", "k", "--no-dht"], 2, "--update-key needs the DHT"),
        (["share", "file", "--update-key", "file"], 2, "file: expected a secret key, 64 hex dig"),
        (["share", "file", "--update-key", "folder"], 6, "folder cannot be read: Is a directory"),
        (["share", "file", "--update-key", "no/key"], 6, "no/key cannot be written: No such"),
        (["create", "file", "--piece-size", "3 KiB"], 2, "Invalid value for '--piece-size': "),
        (["create", "nope"], 3, "nope: there is no such file or folder"),
        (["share", "nope"], 3, "nope: there is no such file or folder"),
        (["share", "nope.torrent"], 3, "nope.torrent: there is no such file"),
        (["share", "good.torrent", "--from", "nope"], 3, "nope: there is no such folder"),
        (["get", "nope.torrent"], 3, "nope.torrent: there is no such file"),
        (["show", "file/nope"], 3, "file/nope: there is no such file"),
        (["show", "file"], 5, "file: not bencoded: "),
        (["get", "empty"], 5, "empty: not bencoded: "),
        (["share", "bad.torrent"], 5, "bad.torrent: expected a dict under the key info"),
        (["get", LINK, "--into", "file"], 6, "file: File exists"),
        (["create", "file", "--output", "no/where"], 6, "no/where cannot be written: No such"),
    ],
)
def test_what_is_wrong_gets_one_line_and_a_code(
    arguments: list[str], code: int, line: str, command: P2P, stage: Stage
) -> None:
    file("file")
    file("empty", b"")
    file("bad.torrent", b"de")
    file("good.torrent", describe(Path("file")).to_torrent())
    Path("folder").mkdir()
    found, out, err = command(*arguments)
    assert (found, out) == (code, "")
    assert one_line(err).startswith(line)
    assert stage.peers == []


def test_a_reader_that_leaves_is_no_error_of_the_disk(
    command: P2P, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        monkeypatch.setattr(sys, "argv", ["p2p", "get", LINK, "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 7
