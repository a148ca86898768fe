"""A peer's life in a swarm: when it is done, when it closes, and when it is asked twice."""

import asyncio

import pytest
from simulation.swarm import KIB, ORIGIN, RATE, Node, Swarm, run_swarm

from host.clock import run
from host.host import Host
from host.network import Network
from p2p.backend import P2PBackend
from p2p.config import PeerConfig
from p2p.errors import DiskError, MetainfoError, P2PError
from p2p.metainfo import Metainfo
from p2p.peer import Peer

CONFIG = PeerConfig(piece_length=16 * KIB)


def _calls(swarm: Swarm) -> dict[str, list[float]]:
    """When each peer opened a connection from now on."""
    calls: dict[str, list[float]] = {name: [] for name in swarm.hosts}
    for name, host in swarm.hosts.items():

        def connect(*args, name=name, connect=host.connect):
            calls[name].append(swarm.now())
            return connect(*args)

        host.connect = connect
    return calls


def test_seeds_part_and_leave_each_other_alone(tmp_path):
    calls = {}
    swarm = run_swarm(
        tmp_path,
        6,
        at={200.0: lambda swarm: calls.update(_calls(swarm)), 4999.0: _expect_no_connections},
        linger_s=5000.0,
    )
    assert max(swarm.finish.values()) < 100
    assert calls == {name: [] for name in swarm.hosts}


def _expect_no_connections(swarm: Swarm) -> None:
    assert all(swarm.connections(name) == [] for name in swarm.peers)


def test_a_peer_that_was_closed_does_nothing_more(tmp_path):
    seen = {}

    async def leave(swarm: Swarm) -> None:
        await swarm.peers["leaver"].close()
        assert [entry.name for entry in (tmp_path / "leaver").iterdir()] == ["file.bin.part"]
        await asyncio.sleep(1)
        seen["calls"] = _calls(swarm)["leaver"]
        seen["sent"] = swarm.meter("leaver").up_bytes
        assert swarm.connections("leaver") == []

    nodes = [Node(name="a"), Node(name="b"), Node(name="leaver")]
    swarm = run_swarm(tmp_path, nodes, at={20.5: leave}, linger_s=500.0)
    assert swarm.failed == {"leaver": "closed before the file was whole"}
    assert sorted(swarm.finish) == ["a", "b"]
    assert seen["calls"] == []
    assert swarm.meter("leaver").up_bytes == seen["sent"]


def test_a_call_under_way_at_the_closing_comes_to_nothing(tmp_path):
    """With a second of latency, the connection opens after the peer is closed, on both sides."""

    async def leave(swarm: Swarm) -> None:
        await swarm.peers["caller"].close()
        await swarm.peers[ORIGIN].close()

    nodes = [Node(name="caller", joins=1.0)]
    swarm = run_swarm(tmp_path, nodes, latency=1.0, at={3.5: leave}, linger_s=100.0)
    assert swarm.failed == {"caller": "closed before the file was whole"}
    assert swarm.connections("caller") == swarm.connections(ORIGIN) == []


def test_a_host_that_goes_down_is_missed_but_not_waited_for(tmp_path):
    async def crash(swarm: Swarm) -> None:
        await swarm.hosts["down"].close()
        await swarm.peers["down"].close()

    nodes = [Node(name=f"l{number}") for number in range(5)]
    nodes.append(Node(name="down"))
    swarm = run_swarm(tmp_path, nodes, at={30.5: crash})
    assert sorted(swarm.finish) == ["l0", "l1", "l2", "l3", "l4"]
    assert max(swarm.finish.values()) < 85


@pytest.mark.parametrize("dht", [True, False])
def test_a_peer_on_a_host_that_is_down_closes_without_a_word_and_leaves_no_timer(tmp_path, dht):
    """All that runs belongs to the killed host or its peer: both are closed, the others live on."""
    timers = {}

    async def crash(swarm: Swarm) -> None:
        loop = swarm.network.loop
        others = [host for name, host in swarm.hosts.items() if name != "down"]
        peer = swarm.peers["down"]
        assert (peer.node_address is not None) == dht
        await swarm.hosts["down"].close()
        await peer.close()
        assert peer.node_address is None
        await peer.close()
        timers["sent"] = swarm.meter("down").up_bytes
        for host in others:
            await swarm.peers[host.name].close()
            await host.close()
        timers["left"] = [
            timer
            for timer in loop._scheduled
            if not timer.cancelled() and "p2p" in str(getattr(timer._callback, "__module__", ""))
        ]

    nodes = [Node(name=f"l{number}") for number in range(5)]
    nodes.append(Node(name="down"))
    config = PeerConfig(piece_length=16 * KIB, dht=dht)
    swarm = run_swarm(tmp_path, nodes, at={30.5: crash}, linger_s=500.0, config=config)
    assert swarm.failed["down"] == "closed before the file was whole"
    assert swarm.meter("down").up_bytes == timers["sent"]
    assert timers["left"] == []


def test_a_closed_peer_is_nobodys_way_into_the_dht(tmp_path):
    async def main():
        network = Network()
        backend = P2PBackend(CONFIG)
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
        hosts = [Host(network, name, tmp_path / name) for name in ("a", "b")]
        first, second = (backend.client(host) for host in hosts)
        await first.start()
        assert list(second._ways_in()) == [first.node_address]
        await hosts[0].close()
        await first.close()
        assert list(second._ways_in()) == []
        await second.start()
        assert second._node is not None
        assert not second._node.knows_somebody
        await second.close()
        await network.close()

    run(main(), deadline_s=1000)


# ---- what it tells


def test_every_piece_that_comes_is_told_once_and_none_that_was_there(tmp_path):
    told = []

    async def main():
        network = Network()
        backend = P2PBackend(CONFIG, on_piece=lambda host, piece: told.append((host.name, piece)))
        hosts = []
        for name in ("origin", "client", "late"):
            (tmp_path / name).mkdir()
            hosts.append(Host(network, name, tmp_path / name))
        path = tmp_path / "origin" / "file.bin"
        path.write_bytes(bytes(100_000))
        origin, client, late = (backend.client(host) for host in hosts)
        assert origin.pieces() == {}
        link = await origin.publish(path)
        assert origin.pieces() == {"file.bin": 7}
        await client.fetch(link, tmp_path / "client")
        (tmp_path / "late" / "file.bin").write_bytes(bytes(100_000))
        await late.fetch(link, tmp_path / "late")
        assert client.pieces() == late.pieces() == origin.pieces()
        for peer in (origin, client, late):
            await peer.close()
        await network.close()

    run(main(), deadline_s=1000)
    assert sorted(told) == [("client", piece) for piece in range(7)]


# ---- one peer asked twice


def _with_two_peers(tmp_path, scene):
    """Run `scene(origin, client, path, directory)` on two unlimited hosts in virtual time."""

    async def main():
        network = Network()
        (tmp_path / "origin").mkdir()
        (tmp_path / "client").mkdir()
        path = tmp_path / "origin" / "file.bin"
        path.write_bytes(bytes(100_000))
        hosts = [Host(network, name, tmp_path / name) for name in ("origin", "client")]
        origin, client = (Peer(host, CONFIG) for host in hosts)
        try:
            await scene(origin, client, path, tmp_path / "client")
        finally:
            await origin.close()
            await client.close()
            await network.close()

    run(main(), deadline_s=10_000)


def test_publishing_twice_is_publishing_once(tmp_path):
    async def scene(origin, client, path, directory):
        link = await origin.publish(path)
        fetching = asyncio.create_task(client.fetch(link, directory))
        assert await origin.publish(path) == link
        assert (await fetching).read_bytes() == path.read_bytes()

    _with_two_peers(tmp_path, scene)


def test_fetching_twice_is_fetching_once(tmp_path):
    async def scene(origin, client, path, directory):
        link = await origin.publish(path)
        both = await asyncio.gather(*(client.fetch(link, directory) for _ in range(2)))
        assert both == [directory / "file.bin"] * 2
        assert await client.fetch(link, directory) == both[0]

    _with_two_peers(tmp_path, scene)


def test_two_files_at_once_over_the_same_peers(tmp_path):
    async def scene(origin, client, path, directory):
        other = directory / "other.bin"
        other.write_bytes(b"other" * 20_000)
        links = await origin.publish(path), await client.publish(other)
        into = path.parent
        await asyncio.gather(client.fetch(links[0], directory), origin.fetch(links[1], into))
        assert (directory / "file.bin").read_bytes() == path.read_bytes()
        assert (into / "other.bin").read_bytes() == other.read_bytes()
        assert client.holdings() == {"file.bin": (100_000,) * 2, "other.bin": (100_000,) * 2}

    _with_two_peers(tmp_path, scene)


def test_a_fetch_that_failed_can_be_tried_again(tmp_path):
    async def scene(origin, client, path, directory):
        link = await origin.publish(path)
        await origin.close()
        with pytest.raises(P2PError, match="no peer that has the file can be reached"):
            await client.fetch(link, directory)
        again = Peer(origin._host, CONFIG)
        assert await again.publish(path) == link
        assert (await client.fetch(link, directory)).read_bytes() == path.read_bytes()
        await again.close()

    _with_two_peers(tmp_path, scene)


def test_giving_up_one_fetch_leaves_the_other_alone(tmp_path):
    async def scene(origin, client, path, directory):
        link = await origin.publish(path)
        one, two = (asyncio.create_task(client.fetch(link, directory)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        assert (await two).read_bytes() == path.read_bytes()
        assert one.cancelled()

    _with_two_peers(tmp_path, scene)


def test_a_folder_that_is_not_there_fails_the_fetch(tmp_path):
    async def scene(origin, client, path, directory):
        link = await origin.publish(path)
        with pytest.raises(DiskError, match="nowhere"):
            await client.fetch(link, directory / "nowhere")

    _with_two_peers(tmp_path, scene)


def test_a_kind_of_torrent_not_handled_fails_the_fetch_with_a_reason(tmp_path, monkeypatch):
    """The metainfo's hash is right, so asking others would never end."""

    async def scene(origin, client, path, directory):
        link = await origin.publish(path)
        monkeypatch.setattr(Metainfo, "from_info", refuse)
        with pytest.raises(P2PError, match="of several files"):
            await client.fetch(link, directory)

    def refuse(info):
        raise MetainfoError("torrents of several files are not supported, expected one file")

    _with_two_peers(tmp_path, scene)


def test_holdings_grow_to_the_whole(tmp_path):
    seen = []

    def look(swarm: Swarm) -> None:
        seen.append(swarm.peers["leecher-1"].holdings())

    run_swarm(tmp_path, 1, at={0.0: look, 32.5: look, 64.1: look}, size=1000 * KIB, linger_s=2.0)
    assert seen[0] == {}
    (here, whole) = seen[1]["file.bin"]
    assert whole == 1000 * KIB
    assert here == pytest.approx(32.0 * RATE, abs=16 * KIB)
    assert seen[2]["file.bin"] == (whole, whole)
