"""What has changed on a side since the last look: from meters, holdings and open connections."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.classroom.frames import (
    ABSENT,
    CUT,
    KILLED,
    LEVELS,
    NO_HOST,
    SLOWED,
    HostRow,
    SideChanges,
)
from bench.classroom.side import Side
from bench.members import Member
from host.datagram import Address
from host.link import QUANTUM

TURNS = 2
"""Rates are means over so many turns of all those that share the busiest uplink, lest they flicker
as each sends its quantum."""
SHARERS = 5
"""Peers that a peer sends to at a time."""
LONGEST = 0.1
"""Parts of the bound that such a mean covers at most."""
OWN_TURNS = 12
"""Quanta on a host's own uplink that the mean of its use covers."""
FADED = 0.01
"""What is left of a mean when nothing has moved for so long that nothing moves."""

Ends = tuple[Address, Address]


class Observer:
    """Looks at one side, again and again; nothing in the run depends on it."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._now = 0.0
        self._weight = 0.0
        """How much of a mean's time the run has lasted: 0 to 1."""
        self._rows: dict[int, HostRow] = {}
        self._links: list[dict[str, _Flow]] = []
        self._index: dict[str, int] = {}
        """By what a meter calls a host."""
        self._by_name: dict[str, int] = {}
        self._going: list[_Smooth] = []
        self._coming: list[_Smooth] = []
        self._pieces: list[int] = []
        self._told = 0
        self._numbers: dict[Ends | Address, int] = {}
        self._next = 0
        self._bucket = 0
        self._buckets: dict[int, int] = {}

    def look(self, *, over: bool = False) -> SideChanges:
        """Return what has changed since the last look; when all is over, nothing moves."""
        side = self._side
        now = side.network.now()
        elapsed, self._now = now - self._now, now
        self._meet()
        changes = SideChanges()
        if over:
            changes.links = list(self._stilled())
        elif elapsed:
            keep = math.exp(-elapsed / self._smoothing_s())
            self._weight = 1 - keep * (1 - self._weight)
            changes.links = list(self._flows(elapsed, keep))
            self._sums(elapsed, keep)
        changes.hosts = list(self._hosts())
        changes.pieces = list(self._arrivals())
        self._connections(changes)
        changes.origin = list(self._sent_by_origin())
        return changes

    def _meet(self) -> None:
        """Take in the hosts that are new."""
        for index in range(len(self._links), len(self._side.members)):
            host = self._side.members[index].host
            self._index[self._side.network.label(host)] = index
            self._by_name[host.name] = index
            self._links.append({})
            self._going.append(_Smooth())
            self._coming.append(_Smooth())
            self._pieces.append(0)

    def _smoothing_s(self) -> float:
        side, scenario = self._side, self._side.scenario
        clients = len(side.members) - 1
        sharers = clients if side.name == "central" else SHARERS
        uplink = scenario.origin_up if side.name == "central" else max(scenario.peer_up)
        turn_s = sharers * QUANTUM * scenario.scale / uplink
        return min(TURNS * turn_s, LONGEST * side.bound_s(clients))

    # ---- bytes that move

    def _sums(self, elapsed: float, keep: float) -> None:
        """What every host sends and receives in all; its own uplink needs no turns of others."""
        for member, going, coming in zip(
            self._side.members, self._going, self._coming, strict=True
        ):
            own_s = OWN_TURNS * QUANTUM / member.host.up.rate
            going.move(member.host.meter.up_bytes, elapsed, math.exp(-elapsed / own_s))
            coming.move(member.host.meter.down_bytes, elapsed, keep)
            if not member.up:
                going.rate = coming.rate = 0.0

    def _flows(self, elapsed: float, keep: float) -> Iterator[tuple[int, int, int]]:
        """Every link whose level has changed."""
        scenario = self._side.scenario
        fastest = max(scenario.origin_up, *scenario.peer_up) / scenario.scale
        for index, member in enumerate(self._side.members):
            flows = self._links[index]
            for remote, total in member.host.meter.up_by_remote.items():
                flow = flows.get(remote)
                if flow is None:
                    if remote not in self._index:
                        continue
                    flow = flows[remote] = _Flow(self._index[remote])
                if total == flow.total and not flow.rate:
                    continue
                if total == flow.total and self._side.members[flow.target].finished:
                    flow.rate = 0.0
                else:
                    flow.move(total, elapsed, keep)
                rate = flow.rate / self._weight  # of the run's time, not of the flow's
                level = min(LEVELS, round(LEVELS * math.sqrt(rate / fastest)))
                if level != flow.level:
                    flow.level = level
                    yield index, flow.target, level

    def _stilled(self) -> Iterator[tuple[int, int, int]]:
        for host in (*self._going, *self._coming):
            host.rate = 0.0
        for index, flows in enumerate(self._links):
            for flow in flows.values():
                flow.rate = 0.0
                if flow.level:
                    flow.level = 0
                    yield index, flow.target, 0

    def _hosts(self) -> Iterator[HostRow]:
        """The row of every host that has changed."""
        side, scale = self._side, self._side.scenario.scale
        size = side.scenario.transfer_size
        for index, member in enumerate(side.members):
            row = (
                index,
                1000 if index == 0 or member.finished else int(1000 * member.look() / size),
                int(1000 * member.host.meter.up_bytes / size),
                min(1000, round(1000 * self._going[index].mean / member.host.up.rate)),
                _rounded(self._coming[index].mean * scale),
                self._flags(member),
                round(member.finish_s, 6) if member.finished else None,
            )
            if self._rows.get(index) != row:
                self._rows[index] = row
                yield row

    def _flags(self, member: Member) -> int:
        return (
            KILLED * (not member.up)
            | CUT * member.host.is_cut
            | SLOWED * (member in self._side.slowed)
            | ABSENT * (member in self._side.waiting)
        )

    def _sent_by_origin(self) -> Iterator[tuple[int, int]]:
        """Stretches of time in which the origin has sent (more)."""
        series = self._side.members[0].host.meter.up_series
        last = int(self._now / self._side.bucket_s)
        for bucket in range(self._bucket, last + 1):
            sent = series.get(bucket, 0)
            if sent != self._buckets.get(bucket, 0):
                self._buckets[bucket] = sent
                yield bucket, round(sent * self._side.scenario.scale)
        self._bucket = last

    # ---- pieces and connections

    def _arrivals(self) -> Iterator[tuple[int, int]]:
        """Pieces that have come: as peers tell, or from the file's beginning on."""
        side = self._side
        if side.name == "p2p":
            for name, piece in side.pieces[self._told :]:
                yield self._by_name[name], piece
            self._told = len(side.pieces)
            return
        scenario = side.scenario
        for index, member in enumerate(side.members[1:], 1):
            whole = member.finished or member.held >= scenario.transfer_size
            here = side.piece_count if whole else member.held // (scenario.piece_size or 1)
            for piece in range(self._pieces[index], here):
                yield index, piece
            self._pieces[index] = max(here, self._pieces[index])

    def _connections(self, changes: SideChanges) -> None:
        """Connections that were opened or closed, and UDP sockets."""
        network = self._side.network
        open_now: dict[Ends | Address, tuple[int, int, int, int]] = {
            (each.local, each.remote): (
                self._by_name[each.caller],
                each.local[1],
                self._by_name[each.called],
                each.remote[1],
            )
            for each in network.connections()
        }
        for address, endpoint in network.endpoints.items():
            open_now[address] = (self._by_name[endpoint.host.name], address[1], NO_HOST, 0)
        for ends in [ends for ends in self._numbers if ends not in open_now]:
            changes.closed.append(self._numbers.pop(ends))
        for ends, row in open_now.items():
            if ends not in self._numbers:
                self._numbers[ends] = self._next
                changes.opened.append((self._next, *row))
                self._next += 1


class _Smooth:
    """Bytes that move: how many in all, and their rate, smoothed, in bytes per second."""

    def __init__(self) -> None:
        self.total = 0
        self.rate = 0.0
        self._fresh = 0.0
        self._weight = 0.0

    @property
    def mean(self) -> float:
        """The rate, as a mean over the time that there was so far."""
        return self.rate / self._weight if self._weight else 0.0

    def move(self, total: int, elapsed: float, keep: float) -> None:
        """Take in what has moved in `elapsed` seconds."""
        self._weight = 1 - keep * (1 - self._weight)
        self._fresh = 1.0 if total != self.total else keep * self._fresh
        if self._fresh < FADED:
            self.rate = 0.0
        else:
            self.rate = keep * self.rate + (1 - keep) * (total - self.total) / elapsed
            self.total = total


class _Flow(_Smooth):
    """Bytes from one host to another."""

    def __init__(self, target: int) -> None:
        super().__init__()
        self.target = target
        self.level = 0


def _rounded(rate: float) -> float:
    """A rate as it is shown: three digits."""
    return float(f"{rate:.3g}")
