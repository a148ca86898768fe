"""A stranger in a swarm of a test: says what the test wants, and writes down what it hears."""

import asyncio

from simulation.swarm import Swarm

from p2p import wire


class Stranger(asyncio.Protocol):
    """One connection that says bytes of our choice and writes down what it hears and when."""

    def __init__(self, swarm: Swarm, *said: bytes, react=lambda stranger, event: None):
        self._swarm = swarm
        self._said = said
        self._react = react
        self._decoder = wire.Decoder()
        self.heard = []
        self.opened_at = None
        self.lost_at = None

    @property
    def now(self) -> float:
        return self._swarm.now()

    @property
    def hello(self) -> bytes:
        return wire.encode_handshake(self._swarm.infohash, b"-XX0000-" + bytes(12))

    def connection_made(self, transport):
        self.transport = transport
        self.opened_at = self._swarm.now()
        self.say(*self._said)

    def say(self, *said: bytes) -> None:
        self.transport.write(b"".join(said))

    def data_received(self, data):
        for event in self._decoder.feed(data):
            self.heard.append(event)
            self._react(self, event)

    def connection_lost(self, error):
        self.lost_at = self._swarm.now()

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]
