"""host.path: order and times of what is on its way, and what a cut makes of them."""

from clockwork import Clockwork

from host.path import Path


class Road:
    """A path, and what arrived when."""

    def __init__(self) -> None:
        self.clock = Clockwork()
        self.path: Path[str] = Path(self.clock, self._arrive)  # type: ignore[arg-type]
        self.arrived: list[tuple[float, str]] = []
        self.blinks = self.stays = False

    def _arrive(self, item: str) -> None:
        self.arrived.append((self.clock.now, item))
        if self.blinks or self.stays:
            self.path.hold()
        if self.blinks:
            self.path.go_on()


def test_nothing_is_overtaken_and_no_delay_is_none() -> None:
    road = Road()
    road.path.travel("at once", 0.0)
    assert road.arrived == [(0.0, "at once")]
    road.path.travel("slow", 2.0)
    road.path.travel("fast", 0.0)
    road.clock.run()
    assert road.arrived[1:] == [(2.0, "slow"), (2.0, "fast")]


def test_time_stands_still_on_a_path_that_is_held() -> None:
    road = Road()
    road.path.travel("on it", 2.0)
    road.clock.call_at(0.5, road.path.hold)
    road.clock.call_at(0.7, road.path.hold)
    road.clock.call_at(1.0, road.path.travel, "put on it", 3.0)
    road.clock.call_at(1.0, road.path.travel, "without delay", 0.0)
    road.clock.run(until=10.0)
    assert road.arrived == []
    road.clock.now = 10.5
    road.path.go_on()
    road.path.go_on()
    road.clock.run()
    assert road.arrived == [(12.0, "on it"), (13.5, "put on it"), (13.5, "without delay")]


def test_a_path_that_is_closed_has_nothing_on_it() -> None:
    road = Road()
    road.path.travel("never", 2.0)
    road.path.close()
    road.path.travel("nor this", 2.0)
    road.clock.run()
    assert road.arrived == []


def test_what_arrives_may_hold_the_path_and_one_timer_is_enough() -> None:
    road = Road()
    road.blinks = True
    for delay in (1.0, 1.0, 2.0):
        road.path.travel("x", delay)
    road.clock.run(until=1.5)
    assert [when for when, _ in road.arrived] == [1.0, 1.0]
    assert sum(not timer.cancelled for _, _, timer, _, _ in road.clock._timers) == 1
    road.clock.run()
    assert [when for when, _ in road.arrived] == [1.0, 1.0, 2.0]


def test_what_arrives_may_hold_back_the_next() -> None:
    road = Road()
    for _ in range(2):
        road.path.travel("x", 1.0)
    road.stays = True
    road.clock.run()
    assert road.arrived == [(1.0, "x")]
