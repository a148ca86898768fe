"""bench.comparison: what differs, by how much, and where the data do not decide."""

import math
from pathlib import Path

import pytest
from bench_plot_model import kurose_ross, measured

import bench
from bench.comparison import T_95, CompareError, Ratio, compare, ratio
from bench.results import Results


def results(**changes: object) -> Results:
    return measured(kurose_ross(clients=(1, 5), repeats=4, **changes))


def changed(whole: Results, **factors: float) -> Results:
    """The same results with columns of the runs multiplied."""
    runs = whole.runs.assign(**{name: whole.runs[name] * by for name, by in factors.items()})
    return Results(whole.scenario, whole.meta, runs, whole.nodes, whole.samples, whole.edges)


def test_pairs_that_all_move_the_same_way_decide() -> None:
    found = ratio([1.0, 2.0, 4.0], [1.1, 2.2, 4.4], paired=True)
    assert found.value == pytest.approx(1.1)
    assert (found.low, found.high) == pytest.approx((1.1, 1.1))
    assert found.verdict == "more"


def test_the_paired_interval_is_students() -> None:
    steps = [0.1, 0.2, 0.3]
    found = ratio([1.0] * 3, [math.exp(step) for step in steps], paired=True)
    reach = T_95[1] * 0.1 / math.sqrt(3)
    assert found.low == pytest.approx(math.exp(0.2 - reach))
    assert found.high == pytest.approx(math.exp(0.2 + reach))
    assert found.verdict == "undecided"


def test_welch_takes_unequal_spreads() -> None:
    # By hand: means 0 and 1, errors 0.1 and 0.2 with 3 and 3 degrees of freedom.
    side = [-0.1732051, -0.1732051, 0.1732051, 0.1732051]
    first = [math.exp(value) for value in side]
    second = [math.exp(1 + 2 * value) for value in side]
    found = ratio(first, second, paired=False)
    error = math.hypot(0.1, 0.2)
    freedom = 0.05**2 / (0.1**4 / 3 + 0.2**4 / 3)
    assert 4 < freedom < 5
    assert found.value == pytest.approx(math.e)
    assert found.low == pytest.approx(math.exp(1 - T_95[3] * error), rel=1e-5)
    assert found.verdict == "more"


def test_one_run_a_side_decides_nothing() -> None:
    found = ratio([1.0], [2.0], paired=True)
    assert found.value == pytest.approx(2.0)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert found.verdict == "undecided"


def test_the_same_is_the_same() -> None:
    assert ratio([1.0, 0.0], [1.0, 0.0], paired=True) == Ratio(1.0, 1.0, 1.0)
    assert ratio([1.0], [1.0], paired=False).verdict == "the same"


@pytest.mark.parametrize("values", [[0.0, 1.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_what_has_no_ratio_is_undecided(values: list[float]) -> None:
    assert ratio(values, [2.0, 2.0], paired=True).verdict == "undecided"


def test_many_runs_come_near_the_normal_distribution() -> None:
    values = [1.0 + 0.01 * (index % 7) for index in range(64)]
    found = ratio(values, [value * math.exp(0.01 * (-1) ** i) for i, value in enumerate(values)],
                  paired=True)  # fmt: skip
    reach = math.log(found.high / found.value)
    assert reach == pytest.approx(1.998 * 0.01 * math.sqrt(64 / 63) / 8, rel=1e-3)


def test_cases_are_compared_one_by_one() -> None:
    one = results()
    other = changed(one, finish_s=0.5, origin_up_bytes=2.0)
    table = compare(one, other).table.set_index(["backend", "clients", "measure"])
    assert len(table) == 2 * 2 * 5
    for backend in ("central", "p2p"):
        for clients in (1, 5):
            assert table.loc[(backend, clients, "finish_s"), "verdict"] == "less"
            assert table.loc[(backend, clients, "finish_s"), "ratio"] == pytest.approx(0.5)
            assert table.loc[(backend, clients, "origin_up_bytes"), "verdict"] == "more"
            assert table.loc[(backend, clients, "overhead_bytes"), "verdict"] == "the same"
    assert set(table["paired"]) == {True}
    assert set(table["runs"]) == {"4 and 4"}


def test_other_seeds_are_no_pairs() -> None:
    one = results()
    other = Results(one.scenario, one.meta, one.runs.assign(seed=one.runs["seed"] + 10), one.nodes,
                    one.samples, one.edges)  # fmt: skip
    assert set(compare(one, other).table["paired"]) == {False}


def test_a_run_in_which_somebody_never_finished_does_not_count() -> None:
    one = results()
    runs = one.runs.assign(finished=one.runs["finished"] - (one.runs["backend"] == "p2p"))
    other = Results(one.scenario, one.meta, runs, one.nodes, one.samples, one.edges)
    assert set(compare(one, other).table["backend"]) == {"central"}


def test_swept_fields_tell_cases_apart() -> None:
    scenario = kurose_ross(clients=(1,), repeats=2)
    one, other = (measured(scenario, {"upload_slots": ["2", "4"]}) for _ in range(2))
    table = compare(one, other).table
    assert list(table.columns[:3]) == ["upload_slots", "backend", "clients"]
    assert set(table["upload_slots"]) == {"2", "4", "-"}


def test_a_side_that_did_not_sweep_has_its_scenarios_value() -> None:
    scenario = kurose_ross(clients=(1,), repeats=2)
    swept = measured(scenario, {"upload_slots": ["2", "4"], "time_unit": ["s", "h"]})
    plain = measured(scenario)
    for one, other in ((swept, plain), (plain, swept)):
        comparison = compare(one, other)
        table = comparison.table
        assert set(table["upload_slots"]) == {"4", "-"}
        assert set(table["time_unit"]) == {"h"}
        assert set(table["runs"]) == {"2 and 2"}
        assert set(table["verdict"]) == {"the same"}
        assert comparison.differing == {}
    with pytest.raises(CompareError, match="the same upload_slots, backend and N"):
        compare(
            measured(kurose_ross(clients=(1,), backends=("p2p",)), {"upload_slots": ["2"]}),
            measured(kurose_ross(clients=(1,), backends=("p2p",))),
        )


def test_the_figures_are_the_means_that_the_difference_is_of() -> None:
    one = results()
    steps = [1.0, 2.0, 4.0, 8.0]
    other = changed(one)
    other.runs["finish_s"] = one.runs["finish_s"] * [steps[at] for at in one.runs["repeat"]]
    table = compare(one, other).table
    rows = table[table["measure"] == "finish_s"]
    assert list(rows["ratio"]) == pytest.approx([8**0.5] * 4)
    assert list(rows["second"] / rows["first"]) == pytest.approx([8**0.5] * 4)
    nothing = changed(one, overhead_bytes=0.0)
    nothing.runs["overhead_bytes"] += nothing.runs["repeat"]
    table = compare(one, nothing).table
    rows = table[table["measure"] == "overhead_bytes"]
    # As there is no mean to take with a 0, there is no ratio.
    assert set(rows["second"]) == {0.0}
    assert set(rows["first"]) == {12_000, 60_000}
    assert rows["ratio"].isna().all()


def test_fields_that_differ_are_named() -> None:
    comparison = compare(results(), results(latency=0.02, origin_up=1e6, title="other"))
    assert comparison.differing["latency"] == ("0 s", "20 ms")
    assert set(comparison.differing) == {"latency", "origin_up"}
    (line,) = [note for note in comparison.notes() if "scenarios differ" in note]
    assert line.startswith("the scenarios differ in origin_up: ")
    assert line.endswith("; latency: 0 s / 20 ms")
    assert "the scenarios differ in nothing" in compare(results(), results()).notes()


def test_results_with_nothing_in_common() -> None:
    one, other = results(), measured(kurose_ross(clients=(7,)))
    with pytest.raises(CompareError, match=r"have no case in common: expected the same backend"):
        compare(one, other)


def test_folders_are_compared_and_shown(tmp_path: Path) -> None:
    one = results()
    one.runs = one.runs.assign(clock="virtual")
    comparison = bench.compare(one, changed(one, finish_s=1.5))
    heads, rows = comparison.rows()
    assert heads == ["backend", "clients", "measure", "first", "second", "difference",
                     "95 % interval", "verdict", "runs"]  # fmt: skip
    assert len(rows) == len(comparison.table) == len(comparison.records())
    assert rows[0][5:] == ["+50.00 %", "+50.00 % to +50.00 %", "more", "4 and 4 in pairs"]
    assert "undecided: the interval" in comparison._repr_html_()
