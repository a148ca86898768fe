"""The connections of one host: who calls and is called, who stays, who is sent on (BEP 3).

Whoever comes when all places are taken is told of other peers (BEP 11) and let go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from host.host import Host
from p2p import extension, wire
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.errors import WireError
from p2p.swarm import Swarm
from p2p.upload import Upload
from p2p.wire import BLOCK

MOST_VISITORS = 256
"""Callers without a place who may be told of others at a time; further ones are just closed."""

INBOX = 512 * 1024
"""Bytes read from a connection in one go; emulated links hand on a block and its header at most."""


class Reception:
    """Keeps every connection of a peer from its opening to its end."""

    def __init__(
        self,
        host: Host,
        config: PeerConfig,
        peer_id: bytes,
        upload: Upload,
        *,
        find: Callable[[bytes], Swarm | None],
        left: Callable[[Connection, Swarm], None],
    ) -> None:
        """`find` gives the swarm of an infohash; `left` is told who has left it."""
        self._host = host
        self._config = config
        self._id = peer_id
        self._upload = upload
        self._find = find
        self._left = left
        self._connections: dict[Connection, Swarm | None] = {}
        self._visitors: dict[Connection, Swarm | None] = {}
        self._ending: dict[Connection, float] = {}
        """Those that are over but for what was said last, and since when."""
        self._unflushed: list[Connection] = []
        self._closed = False
        self.inbox = memoryview(bytearray(INBOX if host.raw else 2 * BLOCK))
        self.node_port: int | None = None
        """Where our DHT node listens."""

    @property
    def full(self) -> bool:
        """True when no place is left for another connection."""
        return len(self._connections) >= self._config.connections

    @property
    def connections(self) -> Iterable[Connection]:
        """Those that have a place."""
        return self._connections

    def calling(self, swarm: Swarm) -> Connection:
        """A connection that we open, for a swarm of ours."""
        connection = Connection(self, outgoing=True)
        self._connections[connection] = swarm
        return connection

    def called(self) -> Connection:
        """A connection that another peer opens; it will say for which swarm."""
        connection = Connection(self, outgoing=False)
        if self.full:
            self._visitors[connection] = None
        else:
            self._connections[connection] = None
        return connection

    def tend(self) -> None:
        """Drop who is silent, and say a word to who has long heard none."""
        now, rate = self._host.loop.time(), self._host.up.rate
        self._drop_mute(now, self._config.greeting_s(rate))
        for connection, since in self._ending.items():
            if now - since > self._config.greeting_s(rate) and connection.transport is not None:
                connection.transport.abort()  # it does not read
        for connection in list(self._connections):
            if now - connection.heard_at > self._config.silence_s(rate):
                connection.close(politely=False)
            elif connection.joined and now - connection.said_at > self._config.keep_alive_s(rate):
                connection.say(wire.encode_keep_alive(), self.flush_later)

    def flush_later(self, connection: Connection) -> None:
        """Send what a connection has to say at the end of the loop's turn, all in one."""
        if not self._unflushed:
            self._host.loop.call_soon(self._flush)
        self._unflushed.append(connection)

    def close(self) -> None:
        """End every connection."""
        self._closed = True
        for connection in [*self._connections, *self._visitors]:
            connection.close()

    # ---- what connections tell

    def opened(self, connection: Connection) -> None:
        if self._closed:
            connection.close(politely=False)
            return
        swarm = self._connections.get(connection)
        if swarm is not None:
            self._greet(connection, swarm)
        connection.opened_at = connection.heard_at = self._host.loop.time()
        if len(self._visitors) + len(self._ending) > MOST_VISITORS:
            connection.close(politely=False)

    def heard(self, connection: Connection, events: list[wire.Event]) -> None:
        connection.heard_at = self._host.loop.time()
        if events and isinstance(greeting := events[0], wire.Handshake):
            self._greeted(connection, greeting)
            del events[0]
        swarm = self._connections.get(connection)
        if swarm is not None and connection.joined:
            swarm.heard(connection, events)
        for event in events if connection in self._visitors else ():
            if isinstance(event, wire.Extended) and event.id == 0:
                self._send_on(connection, event)

    def drained(self, connection: Connection) -> None:
        self._upload.serve()

    def lost(self, connection: Connection) -> None:
        if connection.transport is not None:
            self._ending[connection] = self._host.loop.time()
        self._visitors.pop(connection, None)
        swarm = self._connections.pop(connection, None)
        if swarm is not None:
            if connection.joined:
                swarm.leaves(connection)
            self._left(connection, swarm)

    def ended(self, connection: Connection) -> None:
        self._ending.pop(connection, None)

    # ---- greetings

    def _greet(self, connection: Connection, swarm: Swarm) -> None:
        flags = wire.reserved(dht=self.node_port is not None)
        hello = wire.encode_handshake(swarm.infohash, self._id, flags)
        connection.say(hello, self.flush_later)

    def _greeted(self, connection: Connection, theirs: wire.Handshake) -> None:
        """The other side's handshake is here: answer it, or hang up."""
        swarm = self._find(theirs.infohash)
        expected = self._connections.get(connection)
        if swarm is None or (expected is not None and expected is not swarm):
            raise WireError("a handshake for a torrent that is not here")
        connection.peer_id = theirs.peer_id
        connection.extended, connection.fast = theirs.extended, theirs.fast
        if not connection.outgoing:
            self._greet(connection, swarm)
        if connection in self._visitors:
            self._visitors[connection] = swarm
            swarm.introduce(connection)
            return
        unwanted = theirs.peer_id == self._id or swarm.bans(connection)
        if unwanted or self._beaten(connection, swarm):
            connection.close()
            return
        self._connections[connection] = swarm
        if connection.outgoing:
            connection.listens_at = connection.address
        connection.joined = True
        swarm.joins(connection)
        if theirs.dht and self.node_port is not None:
            connection.say(wire.encode_port(self.node_port), self.flush_later)

    def _beaten(self, connection: Connection, swarm: Swarm) -> bool:
        """Of two connections to one peer both sides keep that which the smaller id opened."""
        for other in swarm.mates():
            if other.peer_id == connection.peer_id and other.address[0] == connection.address[0]:
                ours = self._id < connection.peer_id
                if connection.outgoing == ours and other.outgoing != ours:
                    other.close()
                    return False
                return True
        return False

    def _send_on(self, visitor: Connection, introduction: wire.Extended) -> None:
        """All places are taken: name others to the visitor and let it go."""
        swarm = self._visitors.get(visitor)
        if swarm is not None:
            visitor.introduced(extension.decode_handshake(introduction.payload))
            swarm.gossip(visitor)
        visitor.close()

    def _drop_mute(self, now: float, patience_s: float) -> None:
        """Close what has been open for long and has not got past the greeting."""
        mute = [peer for peer in self._connections if not peer.joined]
        for connection in [*mute, *self._visitors]:
            if now - connection.opened_at > patience_s:
                connection.close()

    def _flush(self) -> None:
        connections, self._unflushed = self._unflushed, []
        now = self._host.loop.time()
        for connection in connections:
            connection.said_at = now
            connection.flush()
