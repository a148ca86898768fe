"""The dialer: a few calls at a time, again after a while, and not for ever."""

import asyncio

import pytest

from host.clock import run
from host.host import Host
from host.link import LinkConfig
from host.network import Network
from p2p.config import PeerConfig
from p2p.connection import Connection
from p2p.dialer import FIRST_CALLS, MAX_CANDIDATES, Dialer
from p2p.wire import BLOCK

PORT = 6881


class Caller:
    """A dialer on a host of its own, and what it did."""

    def __init__(self, network, directory, connections, link):
        self.host = Host(network, "caller", directory, up=LinkConfig(**link))
        self.calls, self.reached, self.lost_at, self.gave_up = [], [], [], []
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
        self.dialer.hung_up(
            connection.called, answered=self.answered, useful=self.useful, banned=False
        )


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


def test_at_first_four_are_called_and_then_two_fifths_of_the_places(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn(addresses)
        await asyncio.sleep(1)
        assert len(caller.reached) == FIRST_CALLS == 4
        caller.dialer.dial()
        await asyncio.sleep(1)
        caller.dialer.dial()
        await asyncio.sleep(100)

    caller = dialing(tmp_path, scene, targets=16, connections=15)
    assert len(caller.reached) == len(set(caller.reached)) == 6


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


def test_addresses_remembered_are_limited(tmp_path):
    async def scene(caller, addresses):
        caller.full = True
        caller.dialer.learn(("127.99.0.1", port) for port in range(1, MAX_CANDIDATES + 1))
        caller.dialer.learn(addresses)
        caller.full = False
        caller.dialer._candidates.pop(("127.99.0.1", 1))
        caller.dialer.learn(addresses)
        assert list(caller.dialer._candidates)[-1] == addresses[0]
        assert len(caller.dialer._candidates) == MAX_CANDIDATES

    dialing(tmp_path, scene)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "", "256.0.0.1"])
def test_a_name_that_cannot_be_one_counts_as_not_answering(tmp_path, name):
    async def scene(caller, addresses):
        caller.dialer.learn([(name, PORT)])
        await asyncio.sleep(1)

    assert dialing(tmp_path, scene).lost_at == [0.0]


def test_after_closing_nobody_is_called_and_calls_under_way_are_ended(tmp_path):
    async def scene(caller, addresses):
        caller.dialer.learn([*addresses, ("127.99.0.1", PORT)])
        await asyncio.sleep(1)
        assert caller.lost_at == [0.0], "refused; the other is under way for 4 s"
        caller.dialer.close()
        await asyncio.sleep(100)

    caller = dialing(tmp_path, scene, latency=2.0)
    assert caller.reached == []
    assert caller.lost_at == [0.0, 1.0]
    assert caller.calls == [0.0, 0.0]
    assert caller.gave_up == []
