"""What a run of the bench is made of: one trial for every case of a scenario and its sweep."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import msgspec

from bench.errors import BenchError
from bench.scenario import Scenario, ScenarioError, field_text, override, override_all

Sweep = Mapping[str, str | Sequence[object]]
"""For each field swept, the values it takes: a text with commas between them, or a sequence of what
`bench.scenario.override_all` reads."""

NAMED = ("backends", "clients", "seed", "repeats")
"""The fields that every trial names itself by."""

APART = {
    "transport": "central",
    "request_size": "central",
    "piece_size": "p2p",
    "connections": "p2p",
    "upload_slots": "p2p",
    "discovery": "p2p",
}
"""Fields that matter to one backend only. A sweep of one runs the other backend once."""

ANY = "-"
"""What a trial that such a field does not matter to has in its column."""


class Trial(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One run: one backend moves the file to N clients."""

    scenario: Scenario
    """With every override and swept value applied."""
    backend: str
    clients: int
    seed: int
    repeat: int
    swept: tuple[str, ...] = ()
    """The fields whose values tell it from the other trials of a sweep."""

    def __str__(self) -> str:
        case = labels(self, self.swept)
        values = (f"{field} = {case[field]}, " for field in self.swept if case[field] != ANY)
        return f"{''.join(values)}{self.backend}, N = {self.clients}, seed {self.seed}"


class TrialResult(msgspec.Struct, tag=True):
    """What one run leaves: a row of `runs`, and rows of the other frames."""

    run: dict[str, Any]
    nodes: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    faults: list[dict[str, Any]] = msgspec.field(default_factory=list)
    pieces: list[dict[str, Any]] = msgspec.field(default_factory=list)


class TrialFailed(BenchError):  # noqa: N818 - it reads as what happened
    """A run that is no data point: one line that names the node."""

    exit_code = 1


def trials(scenario: Scenario, sweep: Sweep | None = None) -> list[Trial]:
    """Return a trial for every swept value, backend, transport, number of clients and repeat.

    Several fields are swept as all their combinations; a trial that comes twice is run once. A
    scenario's transports are a sweep where there are several. Raises ScenarioError.
    """
    values = {
        field: some.split(",") if isinstance(some, str) else list(some)
        for field, some in (sweep or {}).items()
    }
    for field, some in values.items():
        if not some:
            raise ScenarioError(f"{field}: nothing to sweep over; expected one value or more")
    cases = [
        override_all(scenario, dict(zip(values, chosen, strict=True)))
        for chosen in product(*values.values())
    ]
    swept = [field for field in values if field not in NAMED]
    if "transport" not in swept and any(len(case.transport) > 1 for case in cases):
        swept.append("transport")
    plan = (
        Trial(
            scenario=one,
            backend=backend,
            clients=n,
            seed=case.seed + repeat,
            repeat=repeat,
            swept=tuple(swept),
        )
        for case in cases
        for backend in case.backends
        for one in _by_transport(case, backend)
        for n in case.clients
        for repeat in range(case.repeats)
    )
    unique: dict[tuple[Any, ...], Trial] = {}
    for trial in plan:
        unique.setdefault(tuple(labels(trial, swept).values()), trial)
    return list(unique.values())


def _by_transport(case: Scenario, backend: str) -> list[Scenario]:
    if APART["transport"] != backend:
        return [case]
    return [override(case, "transport", transport) for transport in case.transport]


def labels(trial: Trial, swept: Sequence[str]) -> dict[str, Any]:
    """Return the columns that tell the rows of `trial` from those of others."""
    key = {
        "backend": trial.backend,
        "clients": trial.clients,
        "seed": trial.seed,
        "repeat": trial.repeat,
    }
    return {
        field: field_text(trial.scenario, field) if matters(field, trial.backend) else ANY
        for field in swept
    } | key


def matters(field: str, backend: str) -> bool:
    """Whether a backend's runs depend on a field."""
    return APART.get(field, backend) == backend
