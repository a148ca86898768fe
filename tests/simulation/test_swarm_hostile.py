"""Peers that do harm by what they do not do: read, finish, or keep a reasonable pace."""

import pytest
from simulation.poison import poison
from simulation.stranger import Stranger
from simulation.swarm import KIB, ORIGIN, RATE, Node, Swarm, run_swarm

from p2p import extension, wire
from p2p.config import PeerConfig
from p2p.connection import MOST_UNREAD, Connection
from p2p.extension import ExtendedHandshake, MetadataRequest

PORT = PeerConfig().port
BLOCK = 16 * KIB
PIECES = 64
FAST = wire.reserved(dht=False)


def _hello(swarm: Swarm) -> bytes:
    return wire.encode_handshake(swarm.infohash, b"-XX0000-" + bytes(12), FAST)


class Deaf(Stranger):
    """It asks for everything and reads nothing of what comes."""

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.pause_reading()


def test_who_reads_nothing_and_breaks_the_protocol_loses_its_place_at_once(tmp_path):
    """All places are taken so; a newcomer has one as soon as the protocol is broken."""
    config = PeerConfig(piece_length=BLOCK, connections=4)
    seen: dict[str, int] = {}
    deaf: list[Deaf] = []
    want = wire.encode_interested() + b"".join(
        wire.encode_request(index, 0, BLOCK) for index in range(PIECES)
    )

    async def come(swarm: Swarm) -> None:
        for number in range(4):
            host = swarm.stranger(f"deaf-{number}")
            deaf.append(Deaf(swarm, _hello(swarm), want))
            await host.connect(lambda: deaf[-1], swarm.hosts[ORIGIN].address, PORT)

    def break_it(swarm: Swarm) -> None:
        seen["before"] = len(swarm.connections(ORIGIN))
        for stranger in deaf:
            stranger.say(b"\xff" * 100)

    def look(swarm: Swarm) -> None:
        seen["after"] = len(swarm.connections(ORIGIN))

    swarm = run_swarm(
        tmp_path,
        [Node(name="new", joins=60.0)],
        config=config,
        at={1.0: come, 40.0: break_it, 42.0: look},
    )
    assert seen == {"before": 4, "after": 0}
    assert swarm.finish["new"] < 60 + PIECES + 10


def test_who_is_silent_and_reads_nothing_is_cut_off(tmp_path):
    """What waits for it does not keep the connection open for ever."""
    kept = {}

    def look(swarm: Swarm) -> None:
        reception = swarm.peers["leecher"]._reception
        kept[swarm.now()] = len(list(reception.connections)), len(reception._ending)

    async def come(swarm: Swarm) -> None:
        host = swarm.stranger("deaf")
        requests = b"".join(wire.encode_request(index, 0, BLOCK) for index in range(PIECES))
        deaf = Deaf(swarm, _hello(swarm), wire.encode_interested(), requests)
        await host.connect(lambda: deaf, swarm.hosts["leecher"].address, PORT)

    times = {70.0: come, 100.0: look, 60.0 + PeerConfig().silence_s(RATE) + 40: look}
    run_swarm(tmp_path, [Node(name="leecher")], at=times, linger_s=500.0)
    assert list(kept.values()) == [(1, 0), (0, 0)]


def test_a_liar_that_reads_nothing_does_not_hold_up_the_end(tmp_path):
    """It lies about its pieces before the metainfo is known, and has much waiting for it."""
    met = []
    flood = extension.encode_metadata(MetadataRequest(0))
    hello = ExtendedHandshake(messages={"ut_metadata": 3})

    async def listen(swarm: Swarm) -> None:
        def meet() -> Deaf:
            said = [
                _hello(swarm),
                wire.encode_extended(0, extension.encode_handshake(hello)),
                wire.encode_have(2_000_000),
                *[wire.encode_extended(1, flood)] * 700,
            ]
            met.append(Deaf(swarm, *said))
            return met[-1]

        await swarm.stranger("liar").listen(meet, PORT)

    nodes = [Node(name="victim", joins=1.0, via=("liar", ORIGIN))]
    swarm = run_swarm(tmp_path, nodes, at={0.5: listen}, deadline_s=1000.0)
    assert met
    assert swarm.finish["victim"] < 1 + PIECES + 4


def test_a_flood_of_questions_is_not_answered_out_of_all_proportion(tmp_path):
    """16 KiB for every 30 bytes: no more is prepared than the peer may have waiting."""
    config = PeerConfig(piece_length=KIB)
    most = []
    flood = wire.encode_extended(1, extension.encode_metadata(MetadataRequest(0)))
    hello = ExtendedHandshake(messages={"ut_metadata": 3})

    async def come(swarm: Swarm) -> None:
        host = swarm.stranger("deaf")
        introduction = wire.encode_extended(0, extension.encode_handshake(hello))
        deaf = Deaf(swarm, _hello(swarm), introduction, flood * 5000)
        await host.connect(lambda: deaf, swarm.hosts[ORIGIN].address, PORT)

    def look(swarm: Swarm) -> None:
        most.extend(connection.unread for connection in swarm.connections(ORIGIN))

    flush = Connection.flush

    def noted(connection: Connection) -> None:
        most.append(connection.unread)
        flush(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "flush", noted)
        run_swarm(
            tmp_path,
            1,
            size=1000 * KIB,
            config=config,
            origin_up=64 * RATE,
            at={1.0: come, 2.0: look},
        )
    assert 0 < max(most) < MOST_UNREAD


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_poisoner_that_drips_holds_nobody_up_for_good(tmp_path, monkeypatch, seed):
    """It gives some wrong blocks, is asked for the piece alone, and takes its time."""
    poison(monkeypatch)
    slow = {}

    def drip(swarm: Swarm) -> None:
        """From now on a block takes the poisoner almost a minute."""
        slow["at"] = swarm.now()
        link = swarm.hosts["poisoner"].up._link
        link.config = type(link.config)(rate=BLOCK / 50)

    nodes = [Node(name="poisoner", must_finish=False), Node(name="honest", joins=30.0)]
    swarm = run_swarm(
        tmp_path,
        nodes,
        size=16 * BLOCK,
        config=PeerConfig(piece_length=16 * BLOCK),
        seed=seed,
        at={45.0: drip},
        deadline_s=5000.0,
    )
    assert swarm.finish["honest"] < 1000


class Owner:
    inbox = memoryview(bytearray(10))

    def __init__(self):
        self.told = []

    def opened(self, connection):
        self.told.append("opened")

    def lost(self, connection):
        self.told.append("lost")

    def ended(self, connection):
        self.told.append("ended")


def test_a_connection_that_was_closed_before_it_was_open_does_not_open(run_lab):
    async def body(lab):
        near, far = lab.host("near", latency=0.1), lab.host("far")
        owner = Owner()
        await far.listen(lambda: Connection(Owner(), outgoing=False), PORT)
        connection = Connection(owner, outgoing=True)
        connecting = lab.network.loop.create_task(
            near.connect(lambda: connection, far.address, PORT)
        )
        lab.network.loop.call_later(0.05, connection.close)
        await connecting
        later = lab.network.loop.create_future()
        lab.network.loop.call_later(1.0, later.set_result, None)
        await later
        assert owner.told == ["lost", "ended"]

    run_lab(body)
