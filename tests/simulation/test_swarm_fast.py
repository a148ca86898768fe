"""The Fast extension between our peer and a stranger (BEP 6): said at once, never left in doubt."""

from simulation.stranger import Stranger
from simulation.swarm import KIB, ORIGIN, Node, Swarm, run_swarm

from p2p import extension, wire
from p2p.allowed_fast import allowed_fast
from p2p.config import PeerConfig
from p2p.download import MOST_REFUSED
from p2p.extension import ExtendedHandshake
from p2p.talk import ALLOWED_FAST

PORT = PeerConfig().port
BLOCK = 16 * KIB
PIECES = 64
FAST = wire.reserved(dht=False)


def _hello(swarm: Swarm, reserved: bytes = FAST) -> bytes:
    return wire.encode_handshake(swarm.infohash, b"-XX0000-" + bytes(12), reserved)


def _meet(tmp_path, *said, target, when, react=lambda stranger, event: None, reserved=FAST):
    """The stranger that came to `target` at that time, and the swarm, when all is over."""
    met = []

    async def come(swarm: Swarm) -> None:
        met.append(Stranger(swarm, _hello(swarm, reserved), *said, react=react))
        host = swarm.stranger("stranger")
        await host.connect(lambda: met[0], swarm.hosts[target].address, PORT)

    swarm = run_swarm(
        tmp_path, [Node(name="leecher")], at={when: come}, linger_s=100.0, deadline_s=1000.0
    )
    assert "leecher" in swarm.finish
    return met[0], swarm


def _second(stranger: Stranger) -> wire.Event:
    """What came right behind the handshake."""
    return stranger.heard[1]


def test_a_seed_says_that_it_has_everything(tmp_path):
    stranger, _ = _meet(tmp_path, target="leecher", when=100.0)
    assert isinstance(_second(stranger), wire.HaveAll)


def test_who_hides_its_pieces_says_that_it_has_none(tmp_path):
    stranger, _ = _meet(tmp_path, target=ORIGIN, when=1.0)
    assert isinstance(_second(stranger), wire.HaveNone)


def test_half_the_file_is_said_piece_by_piece(tmp_path):
    stranger, _ = _meet(tmp_path, target="leecher", when=30.0)
    assert isinstance(_second(stranger), wire.Bitfield)
    assert 20 < sum(wire.unpack_bitfield(_second(stranger).bits, PIECES)) < 40


def test_who_does_not_speak_it_is_told_nothing_of_it(tmp_path):
    ask = wire.encode_interested() + wire.encode_request(PIECES - 1, 0, BLOCK)
    stranger, _ = _meet(tmp_path, ask, target="leecher", when=1.0, reserved=wire.EXTENDED_BIT)
    news = (wire.HaveAll, wire.HaveNone, wire.Reject, wire.AllowedFast)
    assert not [event for event in stranger.heard if isinstance(event, news)]


def test_a_request_by_who_is_choked_is_rejected(tmp_path):
    request = wire.Request(PIECES - 1, 0, BLOCK)
    stranger, _ = _meet(
        tmp_path, wire.encode_request(PIECES - 1, 0, BLOCK), target="leecher", when=100.0
    )
    [reject] = stranger.of(wire.Reject)
    assert (reject.index, reject.begin, reject.length) == (PIECES - 1, 0, request.length)
    assert stranger.of(wire.Piece) == []


def test_a_request_for_what_is_not_here_is_rejected(tmp_path):
    asked = []

    def react(stranger: Stranger, event: wire.Event) -> None:
        if isinstance(event, wire.Bitfield):
            flags = wire.unpack_bitfield(event.bits, PIECES)
            asked.append(flags.index(0))
            stranger.say(wire.encode_interested())
        if isinstance(event, wire.Unchoke) and len(asked) == 1:
            stranger.say(wire.encode_request(asked[0], 0, BLOCK))

    stranger, _ = _meet(tmp_path, target="leecher", when=30.0, react=react)
    assert [reject.index for reject in stranger.of(wire.Reject)] == asked


def test_of_two_requests_one_is_cancelled_and_each_is_answered_once(tmp_path):
    """A block or a rejection for each, whatever became of it."""
    requests = b"".join(wire.encode_request(index, 0, BLOCK) for index in range(6))

    def react(stranger: Stranger, event: wire.Event) -> None:
        if isinstance(event, wire.HaveAll):
            stranger.say(wire.encode_interested())
        if isinstance(event, wire.Unchoke):
            stranger.say(requests, wire.encode_cancel(5, 0, BLOCK))

    stranger, _ = _meet(tmp_path, target="leecher", when=100.0, react=react)
    answers = [e.index for e in stranger.heard if isinstance(e, wire.Piece | wire.Reject)]
    assert sorted(answers) == list(range(6))
    assert [reject.index for reject in stranger.of(wire.Reject)] == [5]


def test_a_newcomer_is_let_have_a_few_pieces_while_it_is_choked(tmp_path):
    """Those of the canonical set that are here; it is not unchoked before it gets them."""

    def react(stranger: Stranger, event: wire.Event) -> None:
        if isinstance(event, wire.AllowedFast):
            stranger.say(wire.encode_request(event.index, 0, BLOCK))

    met = []

    async def visit(swarm: Swarm) -> None:
        # Nobody has a slot here: what comes, comes by this way.
        swarm.peers["leecher"]._upload.interested = lambda peer: None
        met.append(Stranger(swarm, _hello(swarm), wire.encode_interested(), react=react))
        host = swarm.stranger("stranger")
        await host.connect(lambda: met[0], swarm.hosts["leecher"].address, PORT)

    swarm = run_swarm(
        tmp_path, [Node(name="leecher")], at={100.0: visit}, linger_s=100.0, deadline_s=1000.0
    )
    _, _, third, fourth = swarm.hosts["stranger"].address.split(".")
    # Which block of addresses the run has must not matter.
    expected = allowed_fast(swarm.infohash, f"127.0.{third}.{fourth}", PIECES, ALLOWED_FAST)
    [stranger] = met
    assert [event.index for event in stranger.of(wire.AllowedFast)] == expected
    assert sorted(piece.index for piece in stranger.of(wire.Piece)) == sorted(expected)
    assert stranger.of(wire.Unchoke) == []


def test_a_peer_that_rejects_everything_is_asked_little_and_delays_nothing(tmp_path):
    """It says that it has everything and serves nothing: no loop; it is asked again each round."""
    asked: dict[int, list[int]] = {}

    def react(stranger: Stranger, event: wire.Event) -> None:
        if isinstance(event, wire.Interested):
            stranger.say(wire.encode_unchoke())
        if isinstance(event, wire.Request):
            asked.setdefault(int(stranger.now // 10), []).append(event.index)
            stranger.say(wire.encode_reject(event.index, event.begin, event.length))

    _, swarm = _meet(tmp_path, wire.encode_have_all(), target="leecher", when=11.0, react=react)
    assert len(asked) > 3
    for pieces in asked.values():
        assert len(pieces) == len(set(pieces)) <= MOST_REFUSED + 1
    assert swarm.finish["leecher"] < PIECES + 4


def test_a_seed_that_keeps_few_requests_is_asked_for_no_more_than_it_says(tmp_path):
    """It rejects what is too much for it, as a correct client may; all is had nevertheless."""
    waiting, most = [], []

    def react(stranger: Stranger, event: wire.Event) -> None:
        if isinstance(event, wire.Interested):
            stranger.say(wire.encode_unchoke())
        if isinstance(event, wire.Request):
            if len(waiting) == 4:
                stranger.say(wire.encode_reject(event.index, event.begin, event.length))
            else:
                waiting.append(event)
            most.append(len(waiting))
            if len(waiting) == 1:
                stranger._swarm.network.loop.call_later(0.01, serve, stranger)

    def serve(stranger: Stranger) -> None:
        event = waiting.pop(0)
        at = event.index * BLOCK
        head = wire.encode_piece_header(event.index, event.begin, event.length)
        stranger.say(head, stranger._swarm.original[at : at + BLOCK])
        if waiting:
            stranger._swarm.network.loop.call_later(0.01, serve, stranger)

    stranger, swarm = _meet(
        tmp_path, wire.encode_have_all(), target="leecher", when=5.0, react=react
    )
    assert len(stranger.of(wire.Request)) > PIECES / 2
    assert swarm.finish["leecher"] < 30, "the origin alone would need a minute"


def test_what_was_allowed_is_asked_for_while_choked(tmp_path):
    """The stranger never unchokes our peer, and serves it three pieces all the same."""
    content = {}

    def react(stranger: Stranger, event: wire.Event) -> None:
        if isinstance(event, wire.Request):
            at = event.index * BLOCK
            stranger.say(
                wire.encode_piece_header(event.index, event.begin, event.length),
                content["file"][at : at + BLOCK],
            )

    met = []

    async def come(swarm: Swarm) -> None:
        content["file"] = swarm.original
        allowed = b"".join(map(wire.encode_allowed_fast, (60, 61, 62, PIECES + 5)))
        met.append(Stranger(swarm, _hello(swarm), wire.encode_have_all(), allowed, react=react))
        host = swarm.stranger("stranger")
        await host.connect(lambda: met[0], swarm.hosts["leecher"].address, PORT)

    swarm = run_swarm(tmp_path, [Node(name="leecher")], at={0.5: come}, deadline_s=1000.0)
    assert {request.index for request in met[0].of(wire.Request)} == {60, 61, 62}
    assert swarm.finish["leecher"] < PIECES - 2


def test_gossip_says_who_has_everything(tmp_path):
    """BEP 11: a flag for each peer that is named."""
    met = []

    def introduction(port: int) -> bytes:
        handshake = ExtendedHandshake(messages={"ut_pex": 4}, listen_port=port)
        return wire.encode_extended(0, extension.encode_handshake(handshake))

    async def come(swarm: Swarm) -> None:
        for port, said in ((7001, wire.encode_have_all()), (7002, wire.encode_have_none())):
            host = swarm.stranger(f"stranger-{port}")
            met.append(Stranger(swarm, _hello(swarm), said, introduction(port)))
            await host.connect(lambda: met[-1], swarm.hosts["leecher"].address, PORT)

    swarm = run_swarm(tmp_path, [Node(name="leecher")], at={10.0: come}, deadline_s=1000.0)
    [*_, told] = [message for message in met[1].of(wire.Extended) if message.id == 4]
    pex = extension.decode_pex(told.payload)
    flags = dict(zip(pex.added, pex.flags, strict=True))
    assert flags == {
        (swarm.hosts["stranger-7001"].address, 7001): extension.SEED,
        (swarm.hosts[ORIGIN].address, PORT): 0,
    }, "the origin hides what it has"
