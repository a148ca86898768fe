"""What may go wrong in a run, as sentences of a scenario: `kill origin at 50%`. Pure.

A host's program crashes (`kill`), the host is cut off without a word (`cut`), either comes back
(`restore`), or the host has other links from now on (`change`).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from host.quantities import Duration, QuantityError, Rate, Share

Action = Literal["kill", "cut", "restore", "change"]
ORIGIN = "origin"
EXAMPLE = (
    "ACTION HOST WHEN, such as 'kill origin at 50%', 'cut client-003 at 10 s', "
    "'restore it 60 s later' or 'change 5 clients up=1 Mbit/s at 25%'"
)
LONGEST_S = 1e9
"""Seconds: thirty years."""
_WHEN = re.compile(
    r"(?P<what>.*?)\s+"
    r"(?:at\s+(?P<share>[\d.]+)\s?%|at\s+(?P<time>\S.*)|(?P<later>\d\S*\s*[a-zA-Z]+)\s+later)"
)
_WHAT = re.compile(
    rf"(?P<action>{'|'.join(get_args(Action))})\s+"
    r"(?P<who>origin|any client|all clients|\d+ clients?|client-\d+|it|them)"
    r"(?P<links>(?:\s+(?:up|down|latency|loss)=.*)?)"
)
_LINK = re.compile(r"(up|down|latency|loss)=(.*?)(?=\s+(?:up|down|latency|loss)=|$)")


class FaultError(ValueError):
    """A sentence that is no fault: one line that says what was expected."""


@dataclass(frozen=True)
class Mark:
    """When a fault happens: one of these is not None."""

    share: float | None = None
    """Of the file, as a mean over the clients: 0 to 1."""
    time_s: float | None = None
    """Seconds after the file was published."""
    later_s: float | None = None
    """Seconds after the fault before it."""


@dataclass(frozen=True)
class Fault:
    """One sentence, read."""

    action: Action
    who: str
    mark: Mark
    links: Mapping[str, float] = field(default_factory=dict)
    """For `change`: up and down (bytes per second); latency (seconds, one way) and loss (0 to 1) of
    its paths to hosts whose own links are as in the scenario."""

    def victims(self, clients: Sequence[str], last: Sequence[str], rng: random.Random) -> list[str]:
        """The hosts it happens to, of `clients`; `last` are those of the fault before it.

        Fewer where there are fewer.
        """
        if self.who in ("it", "them"):
            return list(last)
        if self.who == "all clients":
            return list(clients)
        if count := self.chosen:
            return sorted(rng.sample(list(clients), min(count, len(clients))))
        return [self.who]

    @property
    def chosen(self) -> int:
        """How many clients it takes at random; 0 where they are named."""
        first = self.who.split()[0]
        return 1 if self.who == "any client" else int(first) if first.isdigit() else 0


def read_faults(sentences: Sequence[str], clients: int) -> list[Fault]:
    """Return the faults that sentences tell of, for a run with N clients. Raises FaultError."""
    faults: list[Fault] = []
    for sentence in sentences:
        fault = _read(sentence)
        if not faults and (fault.who in ("it", "them") or fault.mark.later_s is not None):
            raise FaultError(f"{sentence!r}: there is no fault before it")
        number = int(fault.who[7:]) if fault.who.startswith("client-") else 0
        if max(number, fault.chosen) > clients or fault.who == "client-000":
            raise FaultError(f"{sentence!r}: there is no such client where N = {clients}")
        if fault.who == "0 clients":
            raise FaultError(f"{sentence!r}: expected 1 client or more")
        faults.append(fault)
    return faults


def _read(sentence: str) -> Fault:
    when = _WHEN.fullmatch(sentence.strip())
    what = _WHAT.fullmatch(when["what"]) if when else None
    if when is None or what is None:
        raise FaultError(f"{sentence!r}: expected {EXAMPLE}")
    who = what["who"]
    if who.startswith("client-"):
        who = f"client-{int(who[7:]):03}"
    given = _LINK.findall(what["links"])
    links = {name: _link(name, text, sentence) for name, text in given}
    if len(links) < len(given):
        raise FaultError(f"{sentence!r}: expected each of up, down, latency and loss once")
    action: Action = what["action"]  # type: ignore[assignment]
    if bool(links) != (action == "change"):
        hint = "up=, down=, latency= or loss= after the host" if not links else "no link values"
        raise FaultError(f"{sentence!r}: expected {hint}")
    return Fault(action, who, _mark(when, sentence), links)


def _mark(match: re.Match[str], sentence: str) -> Mark:
    if match["share"] is not None:
        try:
            share = float(match["share"]) / 100
        except ValueError:
            share = math.nan
        if not 0 <= share < 1:
            raise FaultError(f"{sentence!r}: expected a share from 0% to below 100%")
        return Mark(share=share)
    try:
        if match["time"] is not None:
            return Mark(time_s=_seconds(match["time"]))
        return Mark(later_s=_seconds(match["later"]))
    except QuantityError as error:
        raise FaultError(f"{sentence!r}: {error}") from None


def _seconds(text: str) -> float:
    value = Duration.parse(text)
    if value > LONGEST_S:
        raise QuantityError(f"{text!r} is too long; expected at most {LONGEST_S:g} s")
    return float(value)


def _link(name: str, text: str, sentence: str) -> float:
    try:
        if name in ("up", "down"):
            value = float(Rate.parse(text))
        elif name == "latency":
            value = _seconds(text)
        else:
            value = float(Share.parse(text))
    except QuantityError as error:
        raise FaultError(f"{sentence!r}: {name}: {error}") from None
    if name in ("up", "down") and not value > 0:
        raise FaultError(f"{sentence!r}: {name}: expected a rate above 0; `cut` takes a link down")
    return value


def churn(rng: random.Random, session_s: float, absence_s: float) -> Iterator[tuple[float, Action]]:
    """Yield what a host that comes and goes does next and after how many seconds, without end.

    Sessions and absences are exponential with these medians.
    """
    ways: tuple[tuple[float, Action], ...] = ((session_s, "kill"), (absence_s, "restore"))
    while True:
        for median, action in ways:
            yield rng.expovariate(math.log(2) / median), action
