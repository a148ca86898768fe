"""Networks of DHT nodes in virtual time: they find each other, and keep strangers in check."""

import asyncio
import hashlib
import random

import pytest

from p2p.dht import DhtConfig, DhtNode
from p2p.dht.krpc import decode, encode
from p2p.dht.messages import AnnouncePeer, Failure, FindNode, GetPeers, Ping, Query, Reply
from p2p.dht.routing import K

PORT = 6881
SLOW = 4660.0
"""Bytes per second: 16 MiB in an hour."""


def infohash(name):
    return hashlib.sha1(str(name).encode()).digest()


async def start(lab, name, *ways, **links):
    """A node that knows these others by their addresses."""
    node = DhtNode(lab.host(name, **links))
    await node.start(PORT)
    node.meet([way.address for way in ways])
    return node


async def network(lab, count, **links):
    """Nodes that come a second after each other, each with a random earlier one for its way in."""
    rng = random.Random(1)
    nodes = []
    for number in range(count):
        ways = [rng.choice(nodes)] if nodes else []
        nodes.append(await start(lab, f"node-{number}", *ways, **links))
        await asyncio.sleep(1.0)
    await asyncio.sleep(30.0)
    return nodes


async def peers(node, torrent, announce=None):
    """The peers that a search finds."""
    found = []
    count = await node.search(torrent, announce=announce, found=found.extend)
    assert count == len(found) == len(set(found))
    return sorted(found)


async def close(nodes):
    for node in nodes:
        await node.close()


class Stranger:
    """A socket that speaks KRPC by hand, and answers nothing by itself."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.address = endpoint.sockname
        self.id = hashlib.sha1(str(self.address).encode()).digest()

    @classmethod
    async def come(cls, lab, name="stranger"):
        return cls(await lab.host(name).datagram(PORT))

    async def tell(self, node, message):
        await self.endpoint.send(encode(message), node.address)

    async def hears(self, kind):
        """The next datagram that is a message of this kind: the message, and its bytes."""
        while True:
            data, _ = await self.endpoint.recv()
            if isinstance(message := decode(data), kind):
                return message, len(data)

    async def ask(self, node, question):
        query = Query(b"aa", question)
        await self.tell(node, query)
        answer, size = await self.hears((Reply, Failure))
        return answer, size / len(encode(query))

    async def replies_within(self, seconds):
        """How many answers arrive in this time."""
        count = 0
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await self.hears((Reply, Failure))
                    count += 1
        except TimeoutError:
            return count


# ---- finding each other


def test_everyone_finds_a_peer_that_any_other_announced_even_when_the_first_has_left(run_lab):
    async def body(lab):
        nodes = await network(lab, 100)
        announcers = nodes[5::10]
        for number, node in enumerate(announcers):
            assert await peers(node, infohash(number), announce=PORT) == []

        async def all_find(seekers, owners):
            for seeker in seekers:
                for number, owner in owners:
                    assert await peers(seeker, infohash(number)) == [owner.address]

        owners = list(enumerate(announcers))
        await all_find(nodes, [owners[3]])
        await all_find(nodes[::9], owners)
        await nodes[0].close()
        await all_find(nodes[1:], [owners[6]])
        late = await start(lab, "late", nodes[50])
        await all_find([late], owners)
        await close([*nodes[1:], late])

    run_lab(body)


def test_a_fifth_of_the_datagrams_lost_hides_nobody(run_lab):
    async def body(lab):
        nodes = await network(lab, 40, loss=0.2, latency=0.05)
        for node in nodes[:5]:
            await peers(node, infohash("x"), announce=PORT)
        for node in nodes[5:]:
            assert await peers(node, infohash("x")) == [each.address for each in nodes[:5]]
        assert all(node.nodes >= K for node in nodes)
        await close(nodes)

    run_lab(body)


def test_a_crowd_that_starts_at_once_finds_the_first_at_once_and_the_rest_soon(run_lab):
    async def body(lab):
        first = await start(lab, "first", up=10 * SLOW)
        await peers(first, infohash("x"), announce=PORT)
        crowd = [await start(lab, f"node-{n}", first, up=SLOW) for n in range(150)]
        begun = lab.now
        found = await asyncio.gather(*(peers(node, infohash("x"), PORT) for node in crowd))
        # Most are answered before the first announcement is there: they find the first alone.
        assert all(first.address in each for each in found)
        assert lab.now - begun < 3.0
        await asyncio.sleep(60.0)
        found = await asyncio.gather(*(peers(node, infohash("x"), PORT) for node in crowd))
        assert min(map(len, found)) >= K
        assert len({each for some in found for each in some}) > 140
        assert [node._endpoint.dropped for node in [first, *crowd]] == [0] * 151
        await close([first, *crowd])

    run_lab(body)


def test_upkeep_and_searches_are_cheap_on_a_slow_uplink(run_lab):
    async def body(lab):
        nodes = [await start(lab, "first", up=10 * SLOW)]
        nodes += [await start(lab, f"node-{n}", nodes[0], up=SLOW) for n in range(34)]
        for pause in (60.0, 1000.0, 1740.0):
            await asyncio.gather(*(peers(node, infohash("x"), PORT) for node in nodes))
            await asyncio.sleep(pause)
        sent = [node._host.meter.up_bytes for node in nodes]
        assert sum(sent) / len(sent) < 18_000
        # The nodes nearest to the torrent answer everyone: under 0.3 % of their uplink.
        assert max(sent[1:]) < 0.003 * SLOW * lab.now
        await close(nodes)

    run_lab(body)


def test_an_idle_node_keeps_its_table_fresh_for_a_thousandth_of_its_uplink(run_lab):
    async def body(lab):
        nodes = await network(lab, 30, up=50_000.0)
        leaving, staying = nodes[::3], [node for n, node in enumerate(nodes) if n % 3]
        await close(leaving)
        before = [node._host.meter.up_bytes for node in staying]
        since = lab.now
        await asyncio.sleep(8 * 3600.0)
        gone = {node.address for node in leaving}
        for node, bytes_before in zip(staying, before, strict=True):
            rate = (node._host.meter.up_bytes - bytes_before) / (lab.now - since)
            assert rate < 0.001 * 50_000
            assert K <= node.nodes < len(staying)
            assert not gone & {contact.address for contact in node._table.closest(bytes(20), 99)}
        await close(staying)

    run_lab(body)


def test_the_same_seed_gives_the_same_traffic(run_lab):
    async def body(lab):
        nodes = await network(lab, 20, loss=0.1)
        found = [len(await peers(node, infohash("x"), announce=PORT)) for node in nodes]
        await close(nodes)
        return found, [(node._host.meter.up_bytes, node.nodes) for node in nodes], lab.now

    assert run_lab(body) == run_lab(lambda lab: body(Renamed(lab)))


class Renamed:
    """A lab whose folders are others, so that it can be set up twice."""

    def __init__(self, lab):
        self.lab = lab
        lab.folder = lab.folder / "again"
        lab.folder.mkdir()

    def __getattr__(self, name):
        return getattr(self.lab, name)


def test_two_nodes_find_each_other_under_both_clocks(run_lab, clock):
    async def body(lab):
        first = await start(lab, "first")
        assert await peers(first, infohash("x"), announce=7001) == []
        second = await start(lab, "second", first)
        assert await peers(second, infohash("x"), announce=7002) == [(first.address[0], 7001)]
        assert await peers(first, infohash("x"), announce=7001) == [(second.address[0], 7002)]
        assert (first.nodes, second.nodes) == (1, 1)
        await close([first, second])

    run_lab(body, clock=clock)


def test_who_knows_nobody_finds_nothing_and_may_try_again(run_lab):
    async def body(lab):
        node = await start(lab, "node")
        assert await peers(node, infohash("x"), announce=PORT) == []
        assert lab.now == 0.0
        dead = ("127.0.0.1", 9)
        node.meet([dead, ("0.0.0.0", 7), ("127.0.0.1", 0)])
        assert await peers(node, infohash("x"), announce=PORT) == []
        assert lab.now == 6.0  # asked twice, with 2 and 4 seconds of patience
        other = await start(lab, "other")
        await peers(other, infohash("x"), announce=PORT)
        node.meet([other.address])
        assert await peers(node, infohash("x"), announce=PORT) == [other.address]
        await close([node, other])

    run_lab(body)


def test_a_search_under_way_ends_when_the_node_closes(run_lab):
    async def body(lab):
        node = await start(lab, "node")
        node.meet([("127.0.0.1", 9)])
        search = asyncio.create_task(peers(node, infohash("x"), announce=PORT))
        await asyncio.sleep(1.0)
        await node.close()
        assert await search == []
        assert lab.now == 1.0
        assert await peers(node, infohash("y"), announce=PORT) == []
        await node.close()

    run_lab(body)


def test_a_search_ends_when_the_host_goes_down(run_lab):
    async def body(lab):
        node = await start(lab, "node")
        node.meet([("127.0.0.1", 9)])
        search = asyncio.create_task(peers(node, infohash("x"), announce=PORT))
        await asyncio.sleep(1.0)
        await node._host.close()
        assert await search == []

    run_lab(body)


# ---- strangers


def test_who_asks_gets_into_the_table_by_answering_a_ping_unless_it_only_reads(run_lab):
    async def body(lab):
        node = await start(lab, "node")
        for name, read_only, answers in (
            ("a", False, True),
            ("b", False, False),
            ("c", True, True),
        ):
            guest = await Stranger.come(lab, name)
            await guest.tell(node, Query(b"aa", Ping(guest.id), read_only))
            assert (await guest.hears(Reply))[0].transaction == b"aa"
            try:
                async with asyncio.timeout(10.0):
                    while answers:
                        ping, _ = await guest.hears(Query)
                        assert isinstance(ping.question, Ping)
                        await guest.tell(node, Reply(ping.transaction, guest.id))
            except TimeoutError:
                pass
            assert node.nodes == 1
        assert node._table.closest(bytes(20))[0].address[0] == lab.network.hosts["a"].address
        await close([node])

    run_lab(body)


def test_no_reply_is_larger_than_three_times_an_unverified_question(run_lab):
    async def body(lab):
        nodes = await network(lab, 60)
        for node in nodes:
            await peers(node, infohash("x"), announce=PORT)
        guest = await Stranger.come(lab)
        full = 0
        for node in nodes:
            for question in (
                Ping(guest.id),
                FindNode(guest.id, infohash("x")),
                GetPeers(guest.id, infohash("x")),
                GetPeers(guest.id, infohash("y")),
                AnnouncePeer(guest.id, infohash("x"), PORT, b""),
            ):
                answer, gain = await guest.ask(node, question)
                assert gain <= 3
                full += isinstance(answer, Reply) and len(answer.nodes) == K
        assert full >= 2 * len(nodes) - 20
        # An address that has proven itself gets more: its token came back.
        best = min(
            nodes, key=lambda node: -len(node._answerer.announced.sample(infohash("x"), 99, 0))
        )
        answer, gain = await guest.ask(best, GetPeers(guest.id, infohash("x")))
        await guest.ask(best, AnnouncePeer(guest.id, infohash("x"), PORT, answer.token))
        _, gain = await guest.ask(best, GetPeers(guest.id, infohash("x")))
        assert gain > 3
        await close(nodes)

    run_lab(body)


def test_an_announcement_with_a_bad_token_is_refused_and_stored_nowhere(run_lab):
    async def body(lab):
        node, other = await network(lab, 2)
        guest, thief = await Stranger.come(lab), await Stranger.come(lab, "thief")
        answer, _ = await guest.ask(node, GetPeers(guest.id, infohash("x")))
        for who, token in ((guest, b"12345678"), (guest, b""), (thief, answer.token)):
            failure, _ = await who.ask(node, AnnouncePeer(who.id, infohash("x"), 7, token))
            assert failure == Failure(b"aa", 203, "Bad token")
        assert await peers(other, infohash("x")) == []
        question = AnnouncePeer(guest.id, infohash("x"), 7, answer.token, implied_port=True)
        await guest.ask(node, question)
        assert await peers(other, infohash("x")) == [guest.address]
        await close([node, other])

    run_lab(body)


def test_what_is_not_understood_is_told_so_or_ignored(run_lab):
    async def body(lab):
        node = await start(lab, "node")
        guest = await Stranger.come(lab)
        sent = encode(Query(b"aa", Ping(guest.id)))
        for data in (
            b"",
            b"junk",
            sent[:-1],
            sent + b"e",
            bytes(1501),
            b"d1:q4:ping1:t2:aa1:y1:re",
        ):
            await guest.endpoint.send(data, node.address)
        await guest.endpoint.send(sent.replace(b"4:ping", b"4:vote"), node.address)
        assert (await guest.hears(Failure))[0] == Failure(b"aa", 204, "Method Unknown")
        await guest.endpoint.send(b"d1:q4:ping1:t2:aa1:y1:qe", node.address)
        assert (await guest.hears(Failure))[0] == Failure(b"aa", 203, "Protocol Error")
        assert await guest.replies_within(10.0) == 0
        await close([node])

    run_lab(body)


def test_answers_from_elsewhere_unasked_or_late_change_nothing(run_lab):
    async def body(lab):
        way, liar = await Stranger.come(lab, "way"), await Stranger.come(lab, "liar")
        node = await start(lab, "node", way)
        search = asyncio.create_task(peers(node, infohash("x")))
        query, _ = await way.hears(Query)
        while not isinstance(query.question, GetPeers):
            query, _ = await way.hears(Query)

        def lie(transaction, who):
            return Reply(transaction, who.id, (), (("10.0.0.1", 1),), b"token")

        await liar.tell(node, lie(query.transaction, liar))
        await liar.tell(node, lie(query.transaction, way))
        await way.tell(node, lie(b"\0" + query.transaction, way))
        await way.tell(node, lie(query.transaction[:-1], way))
        assert await search == []
        await way.tell(node, lie(query.transaction, way))
        await asyncio.sleep(30.0)
        assert node.nodes == 0
        await close([node])

    run_lab(body)


def test_a_late_answer_to_the_first_of_two_attempts_counts(run_lab):
    async def body(lab):
        way = await Stranger.come(lab, "way")
        node = await start(lab, "node")
        node.meet([way.address])
        search = asyncio.create_task(peers(node, infohash("x")))
        await asyncio.sleep(5.0)
        query, _ = await way.hears(Query)
        while not isinstance(query.question, GetPeers):
            query, _ = await way.hears(Query)
        await way.tell(node, Reply(query.transaction, way.id, (), (("10.0.0.1", 1),)))
        assert await search == [("10.0.0.1", 1)]
        assert node.nodes == 1
        await close([node])

    run_lab(body)


@pytest.mark.parametrize("limit", [50, 7])
def test_a_flood_from_one_address_is_limited_and_others_are_served(run_lab, limit):
    async def body(lab):
        node = DhtNode(lab.host("node"), DhtConfig(flood_limit=limit))
        await node.start(PORT)
        flooder, guest = await Stranger.come(lab, "flooder"), await Stranger.come(lab)
        for _ in range(200):
            await flooder.tell(node, Query(b"aa", Ping(flooder.id)))
        assert (await guest.ask(node, Ping(guest.id)))[0] == Reply(b"aa", node._id)
        assert await flooder.replies_within(9.9) == limit
        await flooder.tell(node, Query(b"aa", Ping(flooder.id)))
        assert await flooder.replies_within(0.05) == 0
        await asyncio.sleep(0.1)
        assert (await flooder.ask(node, Ping(flooder.id)))[0] == Reply(b"aa", node._id)
        await close([node])

    run_lab(body)


def test_a_flooder_that_was_asked_is_still_heard_when_it_answers(run_lab):
    async def body(lab):
        node = await start(lab, "node")
        guest = await Stranger.come(lab)
        for _ in range(200):
            await guest.tell(node, Query(b"aa", Ping(guest.id)))
        ping, _ = await guest.hears(Query)
        await guest.tell(node, Reply(ping.transaction, guest.id))
        await asyncio.sleep(1.0)
        assert node.nodes == 1
        await close([node])

    run_lab(body)
