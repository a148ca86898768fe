"""Mutable items between libtorrent's DHT node and ours: each keeps and reads what the other put."""

import asyncio
import hashlib
from typing import Any

from interop.stage import Play, Stage, content
from interop.strangers import SHORT_WAIT_S, Libtorrent

from p2p.bencode import encode
from p2p.dht import DhtNode
from p2p.dht.items import Immutable, Mutable, public_key, sign
from p2p.magnet import UpdateMagnet, parse
from p2p.updates import Update

SECRET = bytes(range(32))
KEY = public_key(SECRET)
SALT = b"song"


def expanded(secret: bytes) -> bytes:
    """The form in which libtorrent takes a secret key (RFC 8032, section 5.1.5)."""
    digest = bytearray(hashlib.sha512(secret).digest())
    digest[0] &= 248
    digest[31] = digest[31] & 63 | 64
    return bytes(digest)


class Items:
    """What libtorrent says about items."""

    def __init__(self, theirs: Libtorrent) -> None:
        self.session = theirs.session
        self._said: list[Any] = []

    async def tells(self, kind: str) -> Any:
        """The next alert of that kind."""
        loop = asyncio.get_running_loop()
        while not any(alert["what"] == kind for alert in self._said):
            await loop.run_in_executor(None, self.session.wait_for_alert, 200)
            self._said += [_told(alert) for alert in self.session.pop_alerts()]
        at = next(n for n, alert in enumerate(self._said) if alert["what"] == kind)
        return self._said.pop(at)

    async def put(self, value: bytes, salt: bytes = b"") -> Any:
        self.session.dht_put_mutable_item(expanded(SECRET), KEY, value, salt)
        return await self.tells("dht_put")

    async def get(self, salt: bytes = b"") -> Any:
        self.session.dht_get_mutable_item(KEY, salt)
        while not (alert := await self.tells("dht_mutable_item"))["authoritative"]:
            pass
        return alert


def _told(alert: Any) -> dict[str, Any]:
    """What is of use of an alert, which is gone when the next ones are asked for."""
    names = ("num_success", "seq", "item", "authoritative")
    told = {name: getattr(alert, name) for name in names if hasattr(alert, name)}
    return told | {"what": alert.what()}


async def meet(stage: Stage) -> tuple[DhtNode, Libtorrent]:
    """A node of ours and one of theirs that know each other."""
    ours = await stage.node("ours")
    theirs = Libtorrent(stage, "theirs", [ours.address])
    while ours.nodes < 1:
        await asyncio.sleep(SHORT_WAIT_S)
    return ours, theirs


def kept(node: DhtNode, target: bytes) -> object:
    return node._answerer.items.get(target, asyncio.get_running_loop().time())


def test_libtorrent_puts_an_item_at_our_node_and_reads_it_there(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        ours, theirs = await meet(stage)
        items = Items(theirs)
        for number, value in enumerate((b"first", b"second"), 1):
            put = await items.put(value, SALT)
            assert put["num_success"] >= 1
            assert put["seq"] == number
            assert kept(ours, sign(SECRET, 1, b"", SALT).target) == sign(
                SECRET, number, value, SALT
            )
        reader = Libtorrent(stage, "reader", [ours.address])
        while ours.nodes < 2:
            await asyncio.sleep(SHORT_WAIT_S)
        got = await Items(reader).get(SALT)
        assert (got["item"], got["seq"]) == (b"second", 2)

    play(scene)


def test_our_node_puts_an_item_at_libtorrents_and_reads_it_there(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        ours, theirs = await meet(stage)
        item = sign(SECRET, 7, {"ih": bytes(20)}, SALT)
        assert await ours.put_item(item) == 1
        assert await ours.put_item(sign(SECRET, 6, "older", SALT)) == 0
        value = Immutable(encode(["immutable", 1]))
        assert await ours.put_item(value) == 1
        reader = DhtNode(stage.host("reader"))
        stage.exits.push_async_callback(reader.close)
        await reader.start(6881)
        reader.meet([theirs.address])
        ours._answerer.items._kept.clear()
        assert await reader.get_item(KEY, SALT) == item
        assert await reader.get_item(KEY, SALT, item) is item
        assert await reader.get_immutable(value.target) == value

    play(scene)


def test_libtorrent_reads_what_our_publisher_put_and_is_our_followers_way_in(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        path = stage.make("file")
        way = await stage.node("way")
        origin = stage.peer(stage.host("origin's"), [way.address])
        infohash = parse(await origin.publish(path)).infohash
        theirs = Libtorrent(stage, "theirs", [way.address])
        while way.nodes < 2:
            await asyncio.sleep(SHORT_WAIT_S)
        await origin.publish_update(SECRET, infohash, SALT)
        got = await Items(theirs).get(SALT)
        assert (got["item"][b"ih"], got["seq"]) == (infohash, 1)
        host = stage.host("follower's")
        follower = stage.peer(host, [theirs.address])
        link = str(UpdateMagnet(KEY, SALT))
        assert await follower.newest(link) == Update(1, infohash)
        versions = follower.follow(link, host.directory)
        fetched = await anext(versions)
        await versions.aclose()
        assert fetched == host.directory / "1" / path.name
        assert content(fetched) == content(path)
        assert isinstance(kept(way, sign(SECRET, 1, b"", SALT).target), Mutable)

    play(scene)
