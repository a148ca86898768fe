"""bench.sweep: the trials of a scenario."""

import pytest

from bench.catalogue import find
from bench.scenario import ScenarioError, override_all
from bench.sweep import labels, trials


def test_backends_clients_and_repeats_in_order() -> None:
    scenario = override_all(find("quick"), {"clients": "1,4", "repeats": 2, "seed": 7})
    cases = [(t.backend, t.clients, t.seed, t.repeat) for t in trials(scenario)]
    assert cases == [
        ("central", 1, 7, 0),
        ("central", 1, 8, 1),
        ("central", 4, 7, 0),
        ("central", 4, 8, 1),
        ("p2p", 1, 7, 0),
        ("p2p", 1, 8, 1),
        ("p2p", 4, 7, 0),
        ("p2p", 4, 8, 1),
    ]


def test_several_fields_are_swept_as_all_their_combinations() -> None:
    scenario = override_all(find("quick"), {"clients": 1, "backends": "p2p"})
    sweep = {"peer_up": "1 Mbit/s,2 Mbit/s", "latency": ["20 ms", 0.5]}
    plan = trials(scenario, sweep)
    assert [labels(trial, list(sweep)) for trial in plan] == [
        {"peer_up": up, "latency": latency, "backend": "p2p", "clients": 1, "seed": 1, "repeat": 0}
        for up in ("1 Mbit/s", "2 Mbit/s")
        for latency in ("20 ms", "500 ms")
    ]
    assert [trial.scenario.peer_up for trial in plan] == [(125e3,), (125e3,), (250e3,), (250e3,)]


def test_a_list_can_be_one_swept_value() -> None:
    scenario = override_all(find("quick"), {"clients": 2, "backends": "p2p"})
    plan = trials(scenario, {"peer_up": [["1 B/s", "2 B/s"], "3 B/s"]})
    assert [labels(trial, ["peer_up"])["peer_up"] for trial in plan] == ["1 B/s, 2 B/s", "3 B/s"]


def test_fields_that_are_columns_already_can_be_swept() -> None:
    scenario = override_all(find("quick"), {"backends": "p2p"})
    plan = trials(scenario, {"clients": "2,3", "seed": "5,6"})
    assert [(t.clients, t.seed) for t in plan] == [(2, 5), (2, 6), (3, 5), (3, 6)]
    assert labels(plan[3], ["clients", "seed"]) == {
        "backend": "p2p",
        "clients": 3,
        "seed": 6,
        "repeat": 0,
    }


def test_a_trial_that_comes_twice_is_run_once() -> None:
    scenario = override_all(find("quick"), {"clients": 1, "backends": "p2p"})
    plan = trials(scenario, {"repeats": "1,3"})
    assert [(t.seed, t.repeat) for t in plan] == [(1, 0), (2, 1), (3, 2)]
    assert len(trials(scenario, {"latency": "20 ms,0.02 s,20 ms"})) == 1
    assert len(trials(scenario, {"clients": "2,2"})) == 1


def test_several_transports_are_a_sweep_of_the_central_backend_alone() -> None:
    scenario = override_all(find("quick"), {"clients": 2, "transport": "http,tftp"})
    plan = trials(scenario)
    assert [labels(trial, trial.swept) for trial in plan] == [
        {"transport": transport, "backend": backend, "clients": 2, "seed": 1, "repeat": 0}
        for backend, transport in (("central", "http"), ("central", "tftp"), ("p2p", "-"))
    ]
    assert [trial.scenario.transport for trial in plan[:2]] == [("http",), ("tftp",)]
    assert [str(trial) for trial in plan] == [
        "transport = http, central, N = 2, seed 1",
        "transport = tftp, central, N = 2, seed 1",
        "p2p, N = 2, seed 1",
    ]


def test_one_transport_adds_no_column() -> None:
    plan = trials(override_all(find("quick"), {"clients": 2, "transport": "tftp"}))
    assert [(trial.backend, trial.swept) for trial in plan] == [("central", ()), ("p2p", ())]
    assert plan[0].scenario.transport == ("tftp",)


def test_transports_are_swept_with_other_fields() -> None:
    scenario = override_all(find("transports"), {"clients": 2, "transport": "http,tftp"})
    plan = trials(scenario, {"latency": "0,20 ms"})
    assert {trial.swept for trial in plan} == {("latency", "transport")}
    cases = [labels(trial, trial.swept) for trial in plan]
    assert [(case["latency"], case["transport"]) for case in cases] == [
        ("0 s", "http"),
        ("0 s", "tftp"),
        ("20 ms", "http"),
        ("20 ms", "tftp"),
    ]
    named = trials(scenario, {"transport": [["http", "tftp"], "socket"]})
    assert [trial.scenario.transport for trial in named] == [("http",), ("tftp",), ("socket",)]
    assert {trial.swept for trial in named} == {("transport",)}


@pytest.mark.parametrize(
    ("field", "values", "others"),
    [
        ("discovery", "dht,pex", "central"),
        ("upload_slots", "2,4", "central"),
        ("connections", "2,4", "central"),
        ("piece_size", "16 KiB,32 KiB", "central"),
        ("request_size", "16 KiB,none", "p2p"),
    ],
)
def test_a_backend_that_a_swept_field_does_not_matter_to_runs_once(
    field: str, values: str, others: str
) -> None:
    plan = trials(override_all(find("quick"), {"clients": 2}), {field: values})
    cases = [(trial.backend, labels(trial, trial.swept)[field]) for trial in plan]
    (concerned,) = {"central", "p2p"} - {others}
    expected = [(others, "-"), *((concerned, value) for value in values.split(","))]
    assert sorted(cases) == sorted(expected)


@pytest.mark.parametrize(
    ("sweep", "line"),
    [
        ({"foo": "1"}, "foo: no such field; the fields are name, "),
        ({"peer_up": "1"}, "peer_up: '1' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'"),
        ({"peer_up": []}, "peer_up: nothing to sweep over; expected one value or more"),
    ],
)
def test_a_wrong_sweep_gets_one_line(sweep: dict[str, object], line: str) -> None:
    with pytest.raises(ScenarioError) as error:
        trials(find("quick"), sweep)  # type: ignore[arg-type]
    assert str(error.value).startswith(line)


def test_a_trial_names_itself() -> None:
    assert str(trials(find("quick"))[-1]) == "p2p, N = 8, seed 1"


def test_a_swept_trial_names_its_values_once() -> None:
    sweep = {"latency": "0,20 ms", "upload_slots": "2", "clients": "3", "seed": "5"}
    trial = trials(find("quick"), sweep)[-1]
    assert str(trial) == "latency = 20 ms, upload_slots = 2, p2p, N = 3, seed 5"
