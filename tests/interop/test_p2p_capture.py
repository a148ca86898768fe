"""One of our transfers as Wireshark's dissectors understand it, packet by packet."""

from collections import Counter

from interop.capture import Capture
from interop.stage import SIZE, Play, Stage, content
from interop.strangers import announced

from p2p import wire
from p2p.magnet import Magnet, parse

TYPES = {
    str(number): name
    for number, name in enumerate(
        ["choke", "unchoke", "interested", "not interested", "have", "bitfield", "request", "piece"]
    )
} | {"9": "port", "14": "have all", "15": "have none", "20": "extended"}

OWN = "not icmp"
"""The kernel quotes, cut short, what came for somebody who had left."""


def test_a_capture_has_bittorrent_and_dht_and_nothing_malformed(play: Play) -> None:
    """Two peers of ours, a bare magnet link, and a DHT node that both know."""

    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        capture = Capture(stage)
        await capture.start()
        way = await stage.node("way")
        origin = stage.peer(stage.host("origin's"), [way.address])
        magnet = parse(await origin.publish(path))
        await announced(way, magnet.infohash, origin.address)
        host = stage.host("ours")
        peer = stage.peer(host, [way.address])
        swarm = await peer.get(Magnet(magnet.infohash), host.directory)
        assert content(await swarm.done) == content(path)
        await peer.close()
        await capture.stop()

        assert capture.read(f"_ws.malformed and {OWN}", "frame.number") == []
        assert capture.read("tcp.payload and not bittorrent", "frame.number") == []
        assert capture.read(f"udp.port == {way.address[1]} and not bt-dht", "frame.number") == []
        read_transfer(capture, magnet.infohash, host.address, origin.address[0])
        read_dht(capture, magnet.infohash, {host.address, origin.address[0]})

    play(scene)


def read_transfer(capture: Capture, infohash: bytes, leecher: str, origin: str) -> None:
    said: dict[str, Counter[str]] = {leecher: Counter(), origin: Counter()}
    blocks = 0
    fields = ("ip.src", "bittorrent.info_hash", "bittorrent.msg.type", "bittorrent.msg.length")
    for (source,), hashes, types, lengths in capture.read("bittorrent", *fields):
        assert set(hashes) <= {infohash.hex()}
        assert len(types) == len(lengths)
        said[source]["handshake"] += len(hashes)
        said[source].update(TYPES[kind] for kind in types)
        pieces = [int(n) for n, kind in zip(lengths, types, strict=True) if TYPES[kind] == "piece"]
        blocks += sum(pieces) - 9 * len(pieces)
    assert blocks == SIZE
    count = -(-SIZE // wire.BLOCK)
    ours, theirs = said[leecher], said[origin]
    assert ours["handshake"] == theirs["handshake"] == 1
    assert ours["have none"] == theirs["have none"] == 1  # for the origin shows it bit by bit
    assert ours["port"] == theirs["port"] == 1
    assert ours["interested"] == theirs["unchoke"] == 1
    assert ours["request"] == theirs["piece"] == theirs["have"] == count
    assert ours["piece"] == theirs["request"] == 0
    assert ours["extended"] == 3  # who we are, a request for metadata, and who we are again
    assert theirs["extended"] == 2


def read_dht(capture: Capture, infohash: bytes, peers: set[str]) -> None:
    """Each peer asked for the torrent and announced it; every answer has a question."""
    asked: dict[str, str] = {}
    answered = []
    who: dict[str, set[str]] = {"get_peers": set(), "announce_peer": set()}
    fields = ("ip.src", "bt-dht.bencoded.string")
    for (source,), strings in capture.read(f"bt-dht and {OWN}", *fields):
        transaction = strings[strings.index("t") + 1]
        if strings[-1] == "r":
            answered.append(transaction)
            continue
        assert strings[-1] == "q"
        name = asked[transaction] = strings[strings.index("q") + 1]
        if name in who:
            assert infohash.hex() in strings
            who[name].add(source)
    assert who == {"get_peers": peers, "announce_peer": peers}
    assert len(set(answered)) == len(answered) >= 6
    assert set(answered) <= asked.keys()
    assert {asked[each] for each in answered} >= {"get_peers", "announce_peer", "ping"}
