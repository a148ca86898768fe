"""The dialer: a few calls at a time, again after a while, and not for ever."""

import asyncio
import math
import socket

import pytest

from host.clock import run
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.dialer import MAX_CANDIDATES, Dialer
from p2p.wire import BLOCK

PORT = 6881


class Caller:
    """A dialer on a host of its own, and what it did."""

    def __init__(self, network, directory, connections, link):
        self.host = Host(network, "caller", directory, up=LinkConfig(**link))
        self.calls, self.reached, self.lost_at, self.gave_up = [], [], [], []
        self.missed = []
        self.full = self.eager = False
        self.met = set()
        self.dialer = Dialer(
            self.host,
            PeerConfig(connections=connections),
            own=(self.host.address, PORT),
            new=self._new,
            full=lambda: self.full,
            connected=lambda: self.met,
            gave_up=lambda: self.gave_up.append(self.host.loop.time()),
            eager=lambda: self.eager,
        )
        self.answered = self.useful = False

    def _new(self):
        self.calls.append(self.host.loop.time())
        return Connection(self, outgoing=True)

    def opened(self, connection):
        self.reached.append(connection.called)

    def lost(self, connection):
        self.lost_at.append(self.host.loop.time())
        self.missed.append(connection.called)
        self.dialer.hung_up(
            connection.called, answered=self.answered, useful=self.useful, banned=False
        )

    def ended(self, connection):
        pass


def dialing(tmp_path, scene, targets=1, listening=True, connections=10, **link):
    """Run `scene(caller, addresses of the targets)` in virtual time."""

    async def main():
        network = Network()
        caller = Caller(network, tmp_path, connections, link)
        hosts = [Host(network, f"target-{number}", tmp_path) for number in range(targets)]
        if listening:
            for host in hosts:
                await host.listen(asyncio.Protocol, PORT)
        try:
            await scene(caller, [(host.address, PORT) for host in hosts])
        finally:
            caller.dialer.close()
            await network.close()
        return caller

    return run(main(), deadline_s=1e6)


UNREACHABLE = [("127.99.9.9", port) for port in range(1, 9)]
"""Known, but nobody listens there."""


@pytest.mark.parametrize(("places", "first", "own"), [(3, 1, 2), (10, 1, 4), (15, 2, 6)])
def test_two_fifths_of_the_places_are_for_own_calls_and_a_third_of_those_is_made_at_once(
    tmp_path, places, first, own
):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        caller.dialer.learn(addresses)
        await asyncio.sleep(1)
        assert len(caller.reached) == first
        caller.dialer.dial()
        await asyncio.sleep(1)
        caller.dialer.dial()
        await asyncio.sleep(100)

    caller = dialing(tmp_path, scene, targets=16, connections=places)
    assert len(caller.reached) == len(set(caller.reached)) == own


def test_where_there_is_a_place_for_everybody_everybody_is_called(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        caller.dialer.dial()
        await asyncio.sleep(1)

    caller = dialing(tmp_path, scene, targets=10, connections=10)
    assert len(set(caller.reached)) == 10


def test_who_has_the_only_copy_calls_as_many_as_there_are_places(tmp_path):
    async def scene(caller, addresses):
        caller.eager = True
        caller.dialer.learn(addresses)
        caller.dialer.dial()
        await asyncio.sleep(1)

    caller = dialing(tmp_path, scene, targets=12, connections=10)
    assert len(set(caller.reached)) == 10


def test_nobody_is_called_when_there_are_enough_connections(tmp_path):
    async def scene(caller, addresses):
        caller.met.update(("127.99.0.1", port) for port in range(7))
        caller.dialer.learn([*addresses, *UNREACHABLE])
        await asyncio.sleep(1)
        assert len(caller.calls) == 1, "the eighth of ten is enough"

    dialing(tmp_path, scene, targets=3, connections=10)


def test_a_place_that_comes_free_is_used_for_another(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        await asyncio.sleep(1)
        caller.dialer.hung_up(caller.reached[0], answered=True, useful=True, banned=False)
        caller.dialer.dial()
        await asyncio.sleep(1)
        assert set(caller.reached) == set(addresses)

    dialing(tmp_path, scene, targets=2, connections=1)


def test_nobody_is_called_when_all_places_are_taken(tmp_path):
    async def scene(caller, addresses):
        caller.full = True
        caller.dialer.learn(addresses)
        await asyncio.sleep(1)
        assert caller.calls == []
        caller.full = False
        caller.dialer.dial()
        await asyncio.sleep(1)
        assert caller.reached == addresses

    dialing(tmp_path, scene)


def test_no_more_are_called_than_there_are_places(tmp_path):
    async def scene(caller, addresses):
        caller.dialer._full = lambda: len(caller.calls) == 2
        caller.dialer.learn(addresses)
        caller.dialer.dial()
        await asyncio.sleep(1)
        assert len(caller.calls) == len(caller.reached) == 2

    dialing(tmp_path, scene, targets=4)


def test_who_is_banned_is_forgotten_and_not_learnt_again(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        await asyncio.sleep(1)
        caller.dialer.hung_up(addresses[0], answered=True, useful=True, banned=True)
        assert caller.gave_up == [1.0]
        caller.dialer.learn(addresses)
        assert caller.dialer.exhausted

    dialing(tmp_path, scene)


def test_neither_itself_nor_who_is_connected_is_called(tmp_path):
    async def scene(caller, addresses):
        caller.met.add(addresses[0])
        caller.dialer.learn([(caller.host.address, PORT), *addresses])
        await asyncio.sleep(1)
        assert caller.calls == []
        caller.met.clear()
        caller.dialer.dial()
        await asyncio.sleep(1)
        assert caller.reached == addresses

    dialing(tmp_path, scene)


def test_who_does_not_answer_is_tried_after_5_15_60_and_300_s_and_given_up(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        await asyncio.sleep(10_000)

    caller = dialing(tmp_path, scene, listening=False)
    assert caller.calls == [0.0, 5.0, 20.0, 80.0, 380.0]
    assert caller.gave_up == [380.0]


def test_who_answered_is_never_given_up(tmp_path):
    async def scene(caller, addresses):
        caller.answered = True
        caller.dialer.learn(addresses)
        await asyncio.sleep(1000)

    caller = dialing(tmp_path, scene, listening=False)
    assert caller.calls == [0.0, 5.0, 20.0, 80.0, 380.0, 680.0, 980.0]
    assert caller.gave_up == []


def test_on_a_slow_link_it_waits_as_many_blocks_longer(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        await asyncio.sleep(10_000)

    caller = dialing(tmp_path, scene, listening=False, rate=BLOCK / 50)
    assert caller.calls == [0.0, 50.0, 200.0, 800.0, 3800.0]


def test_who_was_useful_is_tried_again_soon(tmp_path):
    async def scene(caller, addresses):
        caller.answered = caller.useful = True
        caller.dialer.learn(addresses)
        await asyncio.sleep(21)

    assert dialing(tmp_path, scene, listening=False).calls == [0.0, 5.0, 10.0, 15.0, 20.0]


def test_with_nobody_to_call_it_gives_up_at_once(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn([])

    assert dialing(tmp_path, scene).gave_up == [0.0]


def test_it_goes_on_while_one_of_several_can_be_reached(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn([*addresses, ("127.99.0.1", PORT)])
        await asyncio.sleep(10_000)

    caller = dialing(tmp_path, scene)
    assert len(caller.reached) == 1
    assert caller.gave_up == []


def book(caller):
    """What the dialer remembers, oldest first."""
    return list(caller.dialer._candidates)


MANY = [("127.99.0.1", port) for port in range(1, MAX_CANDIDATES + 1)]
"""As many as are remembered; nobody listens there."""


def test_when_the_book_is_full_newcomers_take_the_place_of_the_oldest(tmp_path):
    async def scene(caller, addresses):
        caller.full = True
        caller.dialer.learn(MANY)
        caller.dialer.learn([*MANY[:5], *addresses, addresses[0]])
        assert book(caller) == [*MANY[2:], *addresses]

    dialing(tmp_path, scene, targets=2)


def test_of_more_newcomers_than_fit_the_first_are_remembered(tmp_path):
    async def scene(caller, addresses):
        caller.full = True
        caller.dialer.learn([*MANY, *addresses])
        assert book(caller) == MANY
        caller.met.update(MANY[1:])
        caller.dialer.learn(addresses)
        assert book(caller) == [*MANY[1:], addresses[0]]

    dialing(tmp_path, scene, targets=2)


async def call(caller, addresses, *, answered=False, useful=False):
    """Call these, who all hang up at once."""
    caller.answered, caller.useful = answered, useful
    caller.dialer.learn(addresses)
    caller.dialer.dial()
    await asyncio.sleep(0.01)


def test_who_was_called_in_vain_most_often_goes_first_and_then_who_never_answered(tmp_path):
    async def scene(caller, addresses):
        dead_twice, answers, dead = UNREACHABLE[:3]
        await call(caller, [dead_twice])
        await asyncio.sleep(6)
        await call(caller, [answers], answered=True)
        await call(caller, [dead])
        assert caller.missed == [dead_twice, dead_twice, answers, dead]
        caller.full = True
        caller.dialer.learn(MANY[3:])
        for number, left in enumerate(
            [[answers, dead, *MANY[3:]], [answers, *MANY[3:]], MANY[3:], MANY[4:]]
        ):
            caller.dialer.learn([addresses[number]])
            assert book(caller) == [*left, *addresses[: number + 1]]

    dialing(tmp_path, scene, targets=4)


def test_neither_the_connected_nor_the_useful_make_room(tmp_path):
    async def scene(caller, addresses):
        reached, useful, met = addresses[0], UNREACHABLE[0], UNREACHABLE[1]
        await call(caller, [useful], answered=True, useful=True)
        caller.met.add(met)
        caller.dialer.learn([reached, met])
        await asyncio.sleep(1)
        assert caller.reached == [reached]
        caller.full = True
        caller.answered = caller.useful = False
        caller.dialer.learn(MANY[3:])
        newcomers = [("127.99.0.2", port) for port in range(1, MAX_CANDIDATES + 1)]
        caller.dialer.learn(newcomers)
        assert book(caller) == [useful, reached, met, *newcomers[:-3]]
        caller.met.update(newcomers)
        caller.dialer.learn(addresses)
        assert book(caller) == [useful, reached, met, *newcomers[:-3]], "nobody makes room"

    dialing(tmp_path, scene, targets=2)


def test_who_was_called_in_vain_does_not_delay_who_was_not(tmp_path):
    async def scene(caller, addresses):
        await call(caller, UNREACHABLE)
        await call(caller, [])
        assert sorted(caller.missed) == UNREACHABLE
        caller.full = True
        await asyncio.sleep(6)
        caller.full = False
        await call(caller, addresses)
        assert set(caller.reached) == set(addresses)
        assert len(caller.missed) == len(UNREACHABLE), "no place was left for them"

    dialing(tmp_path, scene, targets=4)


def test_who_was_useful_is_called_before_who_was_called_in_vain(tmp_path):
    async def scene(caller, addresses):
        await call(caller, UNREACHABLE[:1], answered=True, useful=True)
        await call(caller, UNREACHABLE)
        await call(caller, [])
        caller.full = True
        await asyncio.sleep(6)
        caller.full = False
        caller.dialer.dial(1)
        await asyncio.sleep(0.01)
        assert caller.missed[8:] == UNREACHABLE[:1]

    dialing(tmp_path, scene)


@pytest.fixture
def blackhole():
    """An address that leaves calls without an answer: its queue is full, so SYNs are dropped."""
    with socket.socket() as listener, socket.socket() as waiting:
        listener.bind(("127.99.0.2", 0))
        listener.listen(0)
        waiting.connect(listener.getsockname())
        yield listener.getsockname()


@pytest.mark.parametrize(
    ("rate", "calls", "lost_at"),
    [
        (math.inf, [0.0, 35.0, 80.0, 170.0, 500.0], [30.0, 65.0, 110.0, 200.0, 530.0]),
        (BLOCK / 5, [0.0, 55.0, 120.0, 230.0, 580.0], [50.0, 105.0, 170.0, 280.0, 630.0]),
    ],
)
def test_a_call_that_nothing_comes_of_is_ended_and_counts_as_not_answered(
    tmp_path, blackhole, rate, calls, lost_at
):
    async def scene(caller, addresses):
        caller.dialer.learn([blackhole])
        await asyncio.sleep(10_000)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    caller = dialing(tmp_path, scene, rate=rate)
    assert caller.calls == calls
    assert caller.lost_at == lost_at
    assert caller.gave_up == lost_at[-1:]


def test_after_a_call_that_nothing_comes_of_its_place_is_another_s(tmp_path, blackhole):
    async def scene(caller, addresses):
        caller.dialer.learn([blackhole])
        await asyncio.sleep(1)
        caller.dialer.learn(addresses)
        await asyncio.sleep(33.9)
        assert caller.reached == []
        await asyncio.sleep(0.2)
        assert caller.reached == addresses

    dialing(tmp_path, scene, connections=1)


@pytest.mark.parametrize(("latency", "reached", "lost_at"), [(29.9, 1, []), (30.1, 0, [30.0])])
def test_who_is_half_a_minute_away_is_reached_in_time_or_given_up(
    tmp_path, latency, reached, lost_at
):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        await asyncio.sleep(31)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (len(caller.reached), caller.lost_at) == (reached, lost_at)

    dialing(tmp_path, scene, latency=latency)


def test_a_connection_that_opens_in_the_instant_of_giving_up_is_kept(tmp_path):
    async def scene(caller, addresses):
        connect = caller.host.connect

        async def connect_and_wait(*arguments):
            await connect(*arguments)
            await asyncio.sleep(1000)

        caller.host.connect = connect_and_wait
        caller.dialer.learn(addresses)
        await asyncio.sleep(31)
        assert caller.dialer._calls == {}
        assert (caller.reached, caller.lost_at) == (addresses, [])
        await caller.host.close()
        await asyncio.sleep(0)
        assert caller.missed == addresses

    dialing(tmp_path, scene)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "", "256.0.0.1"])
def test_a_name_that_cannot_be_one_counts_as_not_answering(tmp_path, name):
    async def scene(caller, addresses):
        caller.dialer.learn([(name, PORT)])
        await asyncio.sleep(1)

    assert dialing(tmp_path, scene).lost_at == [0.0]


def test_a_call_that_is_ended_before_it_began_gives_its_place_back(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        caller.dialer.close()
        await asyncio.sleep(1)
        assert (caller.calls, caller.missed) == ([0.0], addresses)

    dialing(tmp_path, scene)


def test_after_closing_nobody_is_called_and_calls_under_way_are_ended(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn([*addresses, ("127.99.0.1", PORT)])
        caller.dialer.dial()
        await asyncio.sleep(1)
        assert caller.lost_at == [0.0], "refused; the other is under way for 4 s"
        caller.dialer.close()
        await asyncio.sleep(100)

    caller = dialing(tmp_path, scene, latency=2.0)
    assert caller.reached == []
    assert caller.lost_at == [0.0, 1.0]
    assert caller.calls == [0.0, 0.0]
    assert caller.gave_up == []
