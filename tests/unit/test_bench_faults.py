"""bench.faults: sentences in, faults or one clear line out."""

import math
import random
from itertools import islice
from pathlib import Path
from statistics import median

import pytest

from bench.catalogue import find
from bench.faults import EXAMPLE, Fault, FaultError, Mark, churn, read_faults
from bench.scenario import ScenarioError, dump, load, override, override_all

CLIENTS = [f"client-{number:03}" for number in range(1, 7)]


def read(sentence: str) -> Fault:
    return read_faults(["kill origin at 0%", sentence], 6)[1]


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("kill origin at 50%", Fault("kill", "origin", Mark(share=0.5))),
        ("kill any client at 12.5 %", Fault("kill", "any client", Mark(share=0.125))),
        ("cut client-3 at 10 s", Fault("cut", "client-003", Mark(time_s=10.0))),
        ("cut all clients at 0 s", Fault("cut", "all clients", Mark(time_s=0.0))),
        ("restore it 500 ms later", Fault("restore", "it", Mark(later_s=0.5))),
        ("  restore  them  1h later ", Fault("restore", "them", Mark(later_s=3600.0))),
        (
            "change 5 clients up=8 Mbit/s latency=50 ms at 25%",
            Fault("change", "5 clients", Mark(share=0.25), {"up": 1e6, "latency": 0.05}),
        ),
        (
            "change origin up=8Mbit/s loss=2% down=16 Mbit/s 5 min later",
            Fault("change", "origin", Mark(later_s=300), {"up": 1e6, "loss": 0.02, "down": 2e6}),
        ),
    ],
)
def test_a_sentence_is_read(sentence: str, fault: Fault) -> None:
    assert read(sentence) == fault


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("", f"expected {EXAMPLE}"),
        ("kil origin at 50%", f"expected {EXAMPLE}"),
        ("kill origin", f"expected {EXAMPLE}"),
        ("kill origin at", f"expected {EXAMPLE}"),
        ("kill somebody at 3 s", f"expected {EXAMPLE}"),
        ("kill origin at 100%", "expected a share from 0% to below 100%"),
        ("kill origin at 1.2.3%", "expected a share from 0% to below 100%"),
        ("kill origin at 3 parsec", "'3 parsec' is not a duration; expected e.g. '20 ms' or '1 h'"),
        ("kill origin at -3 s", "'-3 s' is not a duration; expected e.g. '20 ms' or '1 h'"),
        (
            "kill origin at 1e12 s",
            "'1e12 s' is too long; expected at most 1e+09 s",
        ),
        (
            "change origin latency=1e308 s at 3 s",
            "latency: '1e308 s' is too long; expected at most 1e+09 s",
        ),
        (
            "change origin up=1 Mbit/s up=2 Mbit/s at 3 s",
            "expected each of up, down, latency and loss once",
        ),
        ("kill client-7 at 3 s", "there is no such client where N = 6"),
        ("kill client-0 at 3 s", "there is no such client where N = 6"),
        ("kill 7 clients at 3 s", "there is no such client where N = 6"),
        ("kill 0 clients at 3 s", "expected 1 client or more"),
        ("kill origin up=1 Mbit/s at 3 s", "expected no link values"),
        ("change origin at 3 s", "expected up=, down=, latency= or loss= after the host"),
        (
            "change origin up=0 Mbit/s at 3 s",
            "up: expected a rate above 0; `cut` takes a link down",
        ),
        (
            "change origin loss=200% at 3 s",
            "loss: '200%' is more than the whole; expected a share up to 100%",
        ),
        (
            "change origin down=fast at 3 s",
            "down: 'fast' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'",
        ),
    ],
)
def test_a_wrong_sentence_is_one_clear_line(sentence: str, expected: str) -> None:
    with pytest.raises(FaultError) as error:
        read(sentence)
    assert str(error.value) == f"{sentence!r}: {expected}"


@pytest.mark.parametrize("sentence", ["restore it at 50%", "kill origin 3 s later"])
def test_nothing_follows_nothing(sentence: str) -> None:
    with pytest.raises(FaultError, match=r": there is no fault before it$"):
        read_faults([sentence], 6)


def test_whom_it_strikes() -> None:
    rng = random.Random(1)
    assert read("kill origin at 1%").victims(CLIENTS, [], rng) == ["origin"]
    assert read("kill client-2 at 1%").victims(CLIENTS, [], rng) == ["client-002"]
    assert read("kill all clients at 1%").victims(CLIENTS, [], rng) == CLIENTS
    assert read("restore them 1 s later").victims(CLIENTS, ["a", "b"], rng) == ["a", "b"]
    three = read("kill 3 clients at 1%").victims(CLIENTS, [], rng)
    assert len(set(three)) == 3 and set(three) <= set(CLIENTS) and three == sorted(three)
    anyone = {read("kill any client at 1%").victims(CLIENTS, [], rng)[0] for _ in range(100)}
    assert anyone == set(CLIENTS)


def test_fewer_than_asked_for_are_all_there_are() -> None:
    assert read("kill 3 clients at 1%").victims(["a", "b"], [], random.Random(1)) == ["a", "b"]
    assert read("kill any client at 1%").victims([], [], random.Random(1)) == []


def test_sessions_and_absences_have_their_medians() -> None:
    events = list(islice(churn(random.Random(1), 60.0, 5.0), 20_000))
    assert [action for _, action in events[:3]] == ["kill", "restore", "kill"]
    sessions = [after for after, action in events if action == "kill"]
    absences = [after for after, action in events if action == "restore"]
    assert median(sessions) == pytest.approx(60.0, rel=0.03)
    assert median(absences) == pytest.approx(5.0, rel=0.03)
    assert sum(sessions) / len(sessions) == pytest.approx(60 / math.log(2), rel=0.03)


def test_a_scenario_keeps_its_faults(tmp_path: Path) -> None:
    faulty = override(find("quick"), "faults", "kill origin at 50%, restore it 3 s later")
    assert faulty.faults == ("kill origin at 50%", "restore it 3 s later")
    assert faulty.faulty and not find("quick").faulty
    assert override(find("quick"), "session", "3 s").faulty
    path = tmp_path / "quick.toml"
    path.write_text(dump(faulty))
    assert load(path) == faulty


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("faults", "kill client-9 at 1 s", "there is no such client where N = 2"),
        ("loss", "100%", "loss: '100%'; expected a share from 0% to below 100%"),
        (
            "faults",
            "change origin latency=1 ms at 3 s",
            "expected a latency of at least 10 ms, which the other end bears",
        ),
        ("session", "0", "session: '0 s'; expected a duration above 0, to 1e9 s"),
    ],
)
def test_a_wrong_scenario_names_the_field(field: str, value: str, line: str) -> None:
    with pytest.raises(ScenarioError) as error:
        override_all(find("quick"), {"clients": "2,5", "latency": "20 ms", field: value})
    assert str(error.value).startswith(f"{field}: ") and str(error.value).endswith(line)
