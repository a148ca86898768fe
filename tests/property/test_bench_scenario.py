"""bench.scenario: what is dumped is read back as it was."""

import math
import tempfile
from pathlib import Path
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.catalogue import find
from bench.scenario import Transport, dump, field_text, load, override, override_all

rates = st.floats(min_value=1e-6, max_value=1e15) | st.just(math.inf)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
changes = st.fixed_dictionaries(
    {},
    optional={
        "title": texts,
        "source": texts,
        "file_size": st.integers(0, 2**50),
        "moved_size": st.integers(1, 2**50) | st.none(),
        "request_size": st.integers(1, 2**50) | st.none(),
        "transport": st.lists(st.sampled_from(get_args(Transport)), min_size=1, unique=True),
        "origin_up": rates,
        "peer_up": st.lists(rates, min_size=1, max_size=4),
        "latency": st.floats(0, 1e6),
        "loss": st.floats(0, 0.99),
        "session": st.floats(1e-3, 1e6) | st.none(),
        "faults": st.lists(
            st.sampled_from(["kill origin at 50%", "cut 1 client at 3 s", "restore origin at 60%"]),
            max_size=3,
        ),
        "clients": st.lists(st.integers(1, 1000), min_size=1, max_size=5, unique=True),
        "speed": st.floats(min_value=1e-3, max_value=1e9),
        "seed": st.integers(0, 2**32 - 1),
    },
).map(lambda values: values | _MODELLED if values.get("loss") else values)
_MODELLED = {"latency": 0.02, "moved_size": None}
"""Loss wants a round trip, and TFTP the whole file."""


@settings(max_examples=40, deadline=None)
@given(changes)
def test_a_scenario_survives_its_file(values: dict[str, object]) -> None:
    scenario = override_all(find("quick"), values)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "any.toml")
        path.write_text(dump(scenario), encoding="utf-8", newline="")
        assert load(path) == scenario


@settings(max_examples=40, deadline=None)
@given(changes)
def test_every_field_is_read_as_it_is_written(values: dict[str, object]) -> None:
    scenario = override_all(find("quick"), values)
    for field in values.keys() - {"title", "source"}:
        assert override(scenario, field, field_text(scenario, field)) == scenario
