"""What strangers may say to a peer: it hangs up on nonsense, and nothing else breaks."""

import struct

import pytest
from simulation.stranger import Stranger
from simulation.swarm import KIB, ORIGIN, RATE, Node, Swarm, run_swarm

from p2p import extension, wire
from p2p.bencode import encode
from p2p.config import PeerConfig
from p2p.extension import METADATA_BLOCK, ExtendedHandshake, MetadataData, MetadataRequest
from p2p.metainfo import Metainfo

PORT = PeerConfig().port
BLOCK = 16 * KIB
PIECES = 64
HERE = wire.encode_bitfield(b"\xff" * (PIECES // 8))


def _hello(swarm: Swarm, reserved: bytes = wire.EXTENDED_BIT) -> bytes:
    return wire.encode_handshake(swarm.infohash, b"-XX0000-" + bytes(12), reserved)


def _introduction(**fields) -> bytes:
    handshake = ExtendedHandshake(messages={"ut_metadata": 3, "ut_pex": 4}, **fields)
    return wire.encode_extended(0, extension.encode_handshake(handshake))


def _visit(tmp_path, *said, target="leecher-1", leechers=2, when=20.0, config=None, **options):
    """A stranger that connects to a peer of a running swarm, says this, and waits for the end."""
    met = []

    async def come(swarm: Swarm) -> None:
        host = swarm.stranger("stranger")
        texts = [text(swarm) if callable(text) else text for text in said]
        for _ in range(options.pop("times", 1)):
            stranger = Stranger(swarm, *texts, react=options.get("react", lambda *_: None))
            await host.connect(
                lambda stranger=stranger: stranger, swarm.hosts[target].address, PORT
            )
            met.append(stranger)

    swarm = run_swarm(tmp_path, leechers, at={when: come}, config=config, linger_s=200.0)
    assert len(swarm.finish) == leechers, "the others notice nothing"
    assert max(swarm.finish.values()) < 80
    return met[0] if len(met) == 1 else met


NONSENSE = {
    "no handshake": (b"GET / HTTP/1.1\r\n\r\n",),
    "an unknown torrent": (wire.encode_handshake(b"?" * 20, b"-XX0000-" + bytes(12)),),
    "garbage after the handshake": (_hello, b"\xff" * 100),
    "an oversized message": (_hello, struct.pack(">IB", wire.MAX_MESSAGE + 1, 7)),
    "a request of nothing": (_hello, struct.pack(">IBIII", 13, 6, 0, 0, 0)),
    "a request of more than a block": (_hello, wire.encode_request(0, 0, BLOCK + 1)),
    "a request beyond the piece": (_hello, wire.encode_request(0, 1, BLOCK)),
    "a request beyond the file": (_hello, wire.encode_request(PIECES, 0, BLOCK)),
    "a piece beyond the file": (_hello, wire.encode_have(PIECES)),
    "a bitfield too long": (_hello, wire.encode_bitfield(bytes(PIECES // 8 + 1))),
    "an extension that is no dict": (_hello, wire.encode_extended(0, b"i1e")),
    "an extension that is no bencoding": (_hello, wire.encode_extended(0, b"\xff")),
    "peers cut short": (_hello, wire.encode_extended(2, encode({"added": b"12345"}))),
    "metadata it did not ask for, of a wrong size": (
        _hello,
        wire.encode_extended(1, encode({"msg_type": 1, "piece": 0, "total_size": 9}) + b"x"),
    ),
}


@pytest.mark.parametrize("said", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("target", [ORIGIN, "leecher-1"])
def test_nonsense_ends_the_connection_at_once(tmp_path, said, target):
    stranger = _visit(tmp_path, *said, target=target, leechers=1)
    # What the peer had said by then may wait for a block on its uplink.
    assert stranger.lost_at - stranger.opened_at < 1.5


@pytest.mark.parametrize(
    "said",
    [
        (_hello, struct.pack(">IB", 3, 99) + b"??", wire.encode_port(1)),
        (_hello, wire.encode_keep_alive(), wire.encode_extended(77, b"who knows")),
        (_hello, wire.encode_cancel(0, 0, BLOCK), wire.encode_choke()),
        (_hello, wire.encode_piece_header(0, 0, BLOCK), bytes(BLOCK)),
        (_hello, _introduction(), wire.encode_extended(1, encode({"msg_type": 9, "piece": 0}))),
    ],
    ids=["unknown messages", "unknown extensions", "vain cancel", "unasked block", "metadata type"],
)
def test_what_is_merely_unknown_or_in_vain_is_ignored(tmp_path, said):
    stranger = _visit(tmp_path, *said)
    assert stranger.lost_at > 200, "until the run's end"
    assert stranger.of(wire.Bitfield)


@pytest.mark.parametrize("said", [(), (b"\x13BitTorrent",)], ids=["silent", "half a handshake"])
def test_who_does_not_greet_is_dropped_after_half_a_minute(tmp_path, said):
    stranger = _visit(tmp_path, *said)
    assert 30 < stranger.lost_at - stranger.opened_at <= 40
    assert stranger.heard == []


def test_half_open_strangers_do_not_keep_a_newcomer_out_for_long(tmp_path):
    """They take all places of every peer for half a minute; the newcomer calls again and again."""
    config = PeerConfig(piece_length=BLOCK, connections=4)

    async def come(swarm: Swarm) -> None:
        host = swarm.stranger("stranger")
        for name in (ORIGIN, "early"):
            for _ in range(10):
                await host.connect(lambda: Stranger(swarm), swarm.hosts[name].address, PORT)

    nodes = [Node(name="early"), Node(name="new", joins=10.0)]
    swarm = run_swarm(tmp_path, nodes, config=config, at={5.0: come})
    first = min(sent.time for sent in swarm.blocks if sent.target == "new")
    assert 35 < first < 100
    assert swarm.finish["new"] < 200


def test_a_visitor_of_a_full_peer_is_told_of_others_and_let_go(tmp_path):
    config = PeerConfig(piece_length=BLOCK, connections=3)
    visitor = _visit(
        tmp_path, _hello, _introduction(), target=ORIGIN, leechers=3, when=20.0, config=config
    )
    messages = visitor.of(wire.Extended)
    assert [message.id for message in messages] == [0, 4], "an introduction and peers"
    told = extension.decode_pex(messages[1].payload).added
    assert len(told) == len(set(told)) == 3
    assert {port for _, port in told} == {PORT}
    assert visitor.of(wire.Bitfield) == visitor.of(wire.Have) == []
    assert visitor.lost_at - visitor.opened_at < 1.5


def test_who_speaks_no_extensions_is_sent_none(tmp_path):
    """BEP 10: such messages go only to those who set the bit."""
    plain = _visit(tmp_path, lambda swarm: _hello(swarm, bytes(8)))
    assert plain.of(wire.Extended) == []
    assert plain.of(wire.Bitfield)
    assert plain.lost_at > 200, "until the run's end"


def test_keep_alives_are_said_to_those_who_greeted_and_not_before(tmp_path):
    silent = []

    async def come(swarm: Swarm) -> None:
        host = swarm.stranger("stranger")
        silent.append(Stranger(swarm))
        await host.connect(lambda: silent[0], swarm.hosts["leecher-1"].address, PORT)

    run_swarm(tmp_path, 1, at={119.0: come}, linger_s=200.0)
    assert silent[0].lost_at > 149
    assert silent[0].heard == [], "and nothing that is no handshake came first"


def test_a_connection_in_silence_is_kept_alive(tmp_path):
    greeted = _visit(tmp_path, _hello)
    assert len(greeted.of(wire.KeepAlive)) == 1, "in 200 s of nothing to say"


def test_a_peer_that_greets_with_our_own_id_is_ourselves(tmp_path):
    def hello(swarm: Swarm) -> bytes:
        return wire.encode_handshake(swarm.infohash, swarm.peers["leecher-1"]._reception._id)

    stranger = _visit(tmp_path, hello)
    assert stranger.lost_at - stranger.opened_at < 1.5
    assert [type(event) for event in stranger.heard] == [wire.Handshake]


def test_an_origin_goes_on_with_a_peer_that_had_the_piece_revealed_to_it(tmp_path):
    """The origin reveals a piece before it knows what the peer has; then it reveals another."""
    revealed = []

    def react(stranger: Stranger, event) -> None:
        if isinstance(event, wire.Have):
            revealed.append((event.index, stranger._swarm.now()))
            flags = bytearray(PIECES)
            flags[event.index] = len(revealed) == 1
            stranger.say(wire.encode_bitfield(wire.pack_bitfield(flags)))

    async def come(swarm: Swarm) -> None:
        stranger = Stranger(swarm, _hello(swarm), react=react)
        host = swarm.stranger("stranger")
        await host.connect(lambda: stranger, swarm.hosts[ORIGIN].address, PORT)

    run_swarm(tmp_path, [Node(name="late", joins=50.0)], at={1.0: come})
    (first, _), (second, when), *_ = revealed
    assert first != second
    assert when < 2


# ---- metadata


def _serves_metadata(answer, size):
    """A stranger that says it has `size` bytes of metainfo and answers requests as told."""

    def react(stranger: Stranger, event) -> None:
        if isinstance(event, wire.Handshake):
            stranger.say(stranger.hello, _introduction(metadata_size=size), HERE)
        elif isinstance(event, wire.Extended) and event.id == 3:
            message = extension.decode_metadata(event.payload)
            if isinstance(message, MetadataRequest) and (data := answer(message.piece)) is not None:
                payload = extension.encode_metadata(MetadataData(message.piece, size, data))
                stranger.say(wire.encode_extended(1, payload))

    return react


def _learn_from(tmp_path, react, *, also_origin=True, **options):
    """A leecher whose link names a stranger that listens, and the origin, which is asked second."""
    met = []

    async def listen(swarm: Swarm) -> None:
        def meet() -> Stranger:
            met.append(Stranger(swarm, react=react))
            return met[-1]

        await swarm.stranger("liar").listen(meet, PORT)

    # Before the origin answers, the stranger has been asked for the metainfo.
    via = ("liar", ORIGIN) if also_origin else ("liar",)
    nodes = [Node(name="victim", joins=1.0, via=via)]
    swarm = run_swarm(tmp_path, nodes, at={0.5: listen}, **options)
    return swarm, met


MANY = {"size": 1000 * KIB, "config": PeerConfig(piece_length=KIB), "origin_up": 64 * RATE}
"""1,000 pieces: the metainfo takes two blocks of metadata."""
INFO_SIZE = len(Metainfo.build("file.bin", 1000 * KIB, KIB, [bytes(20)] * 1000).info_bytes)


@pytest.mark.parametrize("said", [wire.encode_bitfield(b"\xff"), wire.encode_have(PIECES)])
def test_a_lie_about_pieces_told_before_the_metainfo_was_known_ends_only_the_liar(tmp_path, said):
    def react(stranger: Stranger, event) -> None:
        if isinstance(event, wire.Handshake):
            stranger.say(stranger.hello, said)

    swarm, met = _learn_from(tmp_path, react)
    assert met[0].lost_at < 5
    assert swarm.finish["victim"] < 1 + PIECES + 4


def _zeros(part: int) -> bytes:
    return bytes(min(METADATA_BLOCK, INFO_SIZE - part * METADATA_BLOCK))


@pytest.mark.parametrize("seed", [2, 3])
def test_metainfo_from_a_liar_is_dropped_and_had_from_another(tmp_path, seed):
    assert METADATA_BLOCK < INFO_SIZE < 2 * METADATA_BLOCK
    swarm, met = _learn_from(tmp_path, _serves_metadata(_zeros, INFO_SIZE), seed=seed, **MANY)
    assert "victim" in swarm.finish
    asked = [stranger for stranger in met if stranger.of(wire.Extended)[1:]]
    assert all(stranger.lost_at < swarm.finish["victim"] for stranger in asked)


@pytest.mark.parametrize("seed", [2, 3])
def test_who_says_nothing_about_the_metainfo_is_passed_over(tmp_path, seed):
    mute = _serves_metadata(lambda part: None, INFO_SIZE)
    swarm, _ = _learn_from(tmp_path, mute, seed=seed, **MANY)
    assert swarm.finish["victim"] < 100
