"""DHT nodes that keep items for others, in virtual time: the newest is found, lies are not."""

import asyncio
import dataclasses
import random

import pytest
from lab import Lab, RunLab

from p2p.dht import DhtNode
from p2p.dht.items import KEPT_S, Immutable, Item, Mutable, public_key, sign
from p2p.dht.krpc import decode, encode
from p2p.dht.messages import Failure, Get, GetPeers, Put, Query, Reply
from p2p.dht.routing import K
from p2p.errors import KrpcError

PORT = 6881
SECRET = bytes(range(32))
KEY = public_key(SECRET)
SALT = b"song"


def version(seq: int) -> Mutable:
    return sign(SECRET, seq, f"version {seq}", SALT)


async def start(lab: Lab, name: str, *ways: DhtNode, up: float = 1e6) -> DhtNode:
    node = DhtNode(lab.host(name, up=up, latency=0.02))
    await node.start(PORT)
    node.meet([way.address for way in ways])
    return node


async def network(lab: Lab, count: int) -> list[DhtNode]:
    """Nodes that come a second after each other, each with a random earlier one for its way in."""
    rng = random.Random(1)
    nodes: list[DhtNode] = []
    for number in range(count):
        nodes.append(await start(lab, f"node-{number}", *([rng.choice(nodes)] if nodes else [])))
        await asyncio.sleep(1.0)
    await asyncio.sleep(30.0)
    return nodes


async def close(nodes: list[DhtNode]) -> None:
    for node in nodes:
        await node.close()


def keepers(nodes: list[DhtNode], item: Item, now: float) -> list[DhtNode]:
    return [node for node in nodes if node._answerer.items.get(item.target, now) == item]


def test_everyone_finds_what_one_has_put_and_then_its_newer_version(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        nodes = await network(lab, 40)
        assert await nodes[0].get_item(KEY, SALT) is None
        assert await nodes[7].put_item(version(1)) == K
        assert len(keepers(nodes, version(1), lab.now)) == K + 1
        for node in nodes[::5]:
            assert await node.get_item(KEY, SALT) == version(1)
            assert await node.get_item(KEY, b"other") is None
        assert await nodes[8].put_item(version(2)) == K
        for node in nodes[::5]:
            assert await node.get_item(KEY, SALT, version(1)) == version(2)
            known = version(3)
            assert await node.get_item(KEY, SALT, known) is known
        await close(nodes)

    run_lab(body)


def test_an_older_version_drives_out_no_newer_one(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        nodes = await network(lab, 20)
        await nodes[0].put_item(version(2))
        before = nodes[1].nodes
        assert await nodes[1].put_item(version(1)) == 0
        assert nodes[1].nodes >= before, "who refuses is no bad node"
        for node in nodes:
            assert await node.get_item(KEY, SALT) == version(2)
        await close(nodes)

    run_lab(body)


def test_where_most_copies_are_old_the_newest_still_wins(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        nodes = await network(lab, 20)
        await nodes[0].put_item(version(1))
        last = keepers(nodes, version(1), lab.now)[-1]
        last._answerer.items.put(version(2), None, lab.now)
        for node in nodes:
            assert await node.get_item(KEY, SALT) == version(2)
        await close(nodes)

    run_lab(body)


def test_an_immutable_value_is_found_by_its_hash(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        nodes = await network(lab, 20)
        item = Immutable(b"12:Hello World!")
        assert await nodes[0].put_item(item) == K
        assert await nodes[-1].get_immutable(item.target) == item
        assert await nodes[-1].get_immutable(bytes(20)) is None
        await close(nodes)

    run_lab(body)


@pytest.mark.parametrize("mutable", [True, False])
def test_a_newcomer_gets_a_large_item_once_it_is_proven(run_lab: RunLab, mutable: bool) -> None:
    """An answer to a stranger is short: it would be too easy to have it sent to somebody else."""

    async def body(lab: Lab) -> None:
        nodes = await network(lab, 12)
        item = sign(SECRET, 1, bytes(996), SALT)
        value = Immutable(item.value)
        await nodes[0].put_item(item if mutable else value)
        late = await start(lab, "late", nodes[5])
        if mutable:
            assert await late.get_item(KEY, SALT) == item
        else:
            assert await late.get_immutable(value.target) == value
        await close([*nodes, late])

    run_lab(body)


def test_an_item_that_nobody_may_keep_is_not_put(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        node = await start(lab, "node")
        for item, problem in (
            (sign(SECRET, 1, bytes(997)), "too big"),
            (sign(SECRET, 1, 1, bytes(65)), "Salt"),
            (dataclasses.replace(version(1), seq=2), "signature"),
        ):
            with pytest.raises(KrpcError, match=f"the DHT does not keep this: .*{problem}"):
                await node.put_item(item)
        assert await node.put_item(version(1)) == 0
        assert await node.get_item(KEY, SALT) == version(1)
        await close([node])

    run_lab(body)


def test_what_is_not_put_again_expires(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        nodes = await network(lab, 12)
        await nodes[0].put_item(version(1))
        put_at = lab.now
        await asyncio.sleep(KEPT_S - 60.0)
        assert await nodes[1].get_item(KEY, SALT) == version(1)
        await asyncio.sleep(put_at + KEPT_S - lab.now)
        assert await nodes[1].get_item(KEY, SALT) is None
        await close(nodes)

    run_lab(body)


def test_an_item_that_many_keep_is_not_put_again_by_who_only_reads(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        nodes = await network(lab, 30)
        for node in nodes:
            node._answerer.items.put(version(1), None, lab.now)
        target = version(1).target
        spared = 0
        for node in nodes:
            others = [other._answerer.items._kept for other in nodes if other is not node]
            before = [kept[target] for kept in others]
            await asyncio.sleep(1.0)
            assert await node.put_item(version(1), if_rare=True) == K
            spared += [kept[target] for kept in others] == before
        assert 0 < spared < len(nodes), "who sees eight copies only cannot know of more"
        await close(nodes)

    run_lab(body)


class Stranger:
    """A node that answers by hand what it is asked."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._host = lab.host(name, latency=0.02)
        self.id = random.Random(name).randbytes(20)

    async def serve(self, answer: object) -> None:
        """`answer(query)` gives a message for each question."""
        self.endpoint = await self._host.datagram(PORT)
        self._host.spawn(self._serve(answer), "answers")

    async def _serve(self, answer) -> None:
        while True:
            data, source = await self.endpoint.recv()
            query = decode(data)
            if isinstance(query, Query):
                await self.endpoint.send(encode(answer(query)), source)


def test_a_node_that_knows_no_items_stays_a_good_node(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        old = Stranger(lab, "old")

        def answer(query: Query) -> Reply | Failure:
            if isinstance(query.question, Get | Put):
                return Failure(query.transaction, 204, "Method Unknown")
            return Reply(query.transaction, old.id)

        await old.serve(answer)
        node = await start(lab, "node")
        node.meet([old.endpoint.sockname])
        await asyncio.sleep(30.0)
        assert node.nodes == 1
        for _ in range(3):
            assert await node.get_item(KEY, b"other") is None
            assert await node.put_item(version(1)) == 0
        assert node.nodes == 1
        await close([node])

    run_lab(body)


def test_what_a_liar_tells_or_puts_is_not_believed(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        liar = Stranger(lab, "liar")
        lies = [
            dataclasses.replace(version(2), seq=9, salt=b""),
            sign(b"\1" * 32, 9, "mine"),
            Immutable(b"5:mine!"),
            sign(SECRET, 9, "other salt"),
        ]
        told: list[bytes] = []

        def answer(query: Query) -> Reply:
            if not isinstance(query.question, Get | GetPeers):
                return Reply(query.transaction, liar.id)
            item = lies[len(told) % len(lies)]
            told.append(query.transaction)
            seq = item.seq if isinstance(item, Mutable) else None
            return Reply(query.transaction, liar.id, token=b"token", item=item, seq=seq)

        await liar.serve(answer)
        honest = await network(lab, 4)
        for node in honest:
            node.meet([liar.endpoint.sockname])
        await asyncio.sleep(30.0)
        await honest[0].put_item(version(2))
        for node in honest * len(lies):
            assert await node.get_item(KEY, SALT) == version(2)
        assert len(told) > 2 * len(lies)
        await close(honest)

    run_lab(body)


def test_a_search_for_an_item_ends_when_the_node_closes(run_lab: RunLab) -> None:
    async def body(lab: Lab) -> None:
        node = await start(lab, "node")
        node.meet([("127.0.0.1", 9)])
        getting = asyncio.create_task(node.get_item(KEY))
        putting = asyncio.create_task(node.put_item(version(1)))
        await asyncio.sleep(1.0)
        await node.close()
        assert await getting is None
        assert await putting == 0
        assert lab.now == 1.0

    run_lab(body)
