"""Looks for the peers of one swarm in the DHT (BEP 5), calls them, and knows when that is vain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from host.host import Host
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.dht import DhtNode
from p2p.dialer import Dialer
from p2p.errors import NotFoundError
from p2p.gossip import Address
from p2p.reception import Reception
from p2p.swarm import Swarm
from p2p.turnover import Turnover


class Search:
    """Finds the others of one swarm, and is found by them."""

    def __init__(
        self,
        host: Host,
        config: PeerConfig,
        swarm: Swarm,
        reception: Reception,
        node: DhtNode | None,
        *,
        own: Address,
    ) -> None:
        """`own` is where we listen."""
        self._host = host
        self._config = config
        self._swarm = swarm
        self._node = node
        self._own = own
        self._turnover: Turnover[Connection] = Turnover()
        self._dialer = Dialer(
            host,
            config,
            own=own,
            new=lambda: reception.calling(swarm),
            full=lambda: not swarm.seeks or reception.full,
            connected=lambda: {mate.listens_at for mate in swarm.mates()},
            gave_up=self.give_up_if_alone,
            eager=lambda: swarm.superseeding,
        )
        self._asking: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look for the torrent's peers in the DHT from now on, and be found there."""
        if self._node is not None and not self._swarm.private and self._asking is None:
            self._asking = self._host.spawn(self._ask(self._node), "looks for peers")

    def learn(self, addresses: Iterable[Address]) -> None:
        """Peers may listen there: call them if we need any."""
        if self._swarm.seeks:
            self._dialer.learn(addresses)

    def dial(self) -> None:
        """Open connections until there are enough; to be called at a steady pace."""
        self._part_with_idle()
        self._dialer.dial()

    def _part_with_idle(self) -> None:
        """Part with those who have long been of no use, where others can be called instead."""
        swarm, config, rate = self._swarm, self._config, self._host.up.rate
        unknown = swarm.metainfo is None
        patience_s = config.greeting_s(rate) if unknown else config.snub_s(rate)
        of_use = {
            mate: mate.interested or mate.wants or (unknown and mate.metadata_size is not None)
            for mate in swarm.mates()
        }
        idle = self._turnover.idle(of_use, self._host.loop.time(), patience_s)
        others = len(self._dialer.ready()) if idle and swarm.seeks else 0
        for mate in idle[: min(others, config.outgoing)]:
            mate.close()

    def hung_up(self, connection: Connection) -> None:
        """A connection of the swarm is lost."""
        if connection.called is not None:
            self._dialer.hung_up(
                connection.called,
                answered=connection.peer_id != b"",
                useful=connection.joined and connection.pieces > 0,
                banned=self._swarm.bans(connection),
            )

    def give_up_if_alone(self) -> None:
        """A fetch fails when nobody was there for so long, or nobody can be found."""
        swarm = self._swarm
        checking = swarm.metainfo is not None and swarm.download is None
        if swarm.done.done() or checking or any(True for _ in swarm.mates()):
            return
        left_s = swarm.lonely_since + self._config.lonely_s(self._host.up.rate)
        left_s -= self._host.loop.time()
        hopeless = self._node is None or not self._node.knows_somebody
        if left_s <= 0 or (hopeless and self._dialer.exhausted):
            swarm.failed(NotFoundError("no peer that has the file can be reached"))

    async def close(self) -> None:
        """Look for nobody any more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        self._dialer.close()

    async def _ask(self, node: DhtNode) -> None:
        searches, known, rate = 0, 0, self._host.up.rate
        swarm, config = self._swarm, self._config
        while swarm.trouble is None and not swarm.private:
            await node.search(swarm.infohash, announce=self._own[1], found=self.learn)
            searches += 1
            self.give_up_if_alone()
            mates = sum(1 for _ in swarm.mates())
            # Where three searches have found the same few, there are no others; but who has met
            # nobody that has even the metainfo came before them.
            early = not mates or swarm.metainfo is None
            others = early or searches < 3 or self._dialer.known != known
            again = swarm.seeks and mates < config.enough and others
            known = self._dialer.known
            await asyncio.sleep(
                config.search_s(rate, searches) if again else config.announce_s(rate)
            )
