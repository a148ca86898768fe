"""bench.topology: the overlay of each run in numbers, checked on graphs known by heart."""

import pandas as pd
import pytest
from bench_plot_model import MIB, kurose_ross, measured

from bench.topology import measures, overlay


def test_both_ways_make_one_link_and_talk_makes_none() -> None:
    edges = [("a", "b", 60), ("b", "a", 40), ("b", "c", 50), ("c", "b", 49), ("a", "d", 100)]
    graph = overlay("abcd", edges, least_bytes=100)
    assert sorted(graph.edges(data="bytes")) == [("a", "b", 100), ("a", "d", 100)]
    assert sorted(graph.nodes) == ["a", "b", "c", "d"]


def test_a_ring_with_a_chord() -> None:
    edges = [("a", "b", 1), ("b", "c", 1), ("c", "d", 1), ("d", "a", 1), ("a", "c", 1)]
    found = measures(overlay("abcd", edges, least_bytes=1))
    assert found == {
        "nodes": 4,
        "links": 5,
        "parts": 1,
        "degree_mean": 2.5,
        "degree_max": 3,
        "path_mean": pytest.approx(7 / 6),
        "density": pytest.approx(5 / 6),
        "clustering": pytest.approx((1 + 1 + 2 / 3 + 2 / 3) / 4),
    }


def test_paths_are_those_of_the_largest_part() -> None:
    found = measures(overlay("abcde", [("a", "b", 1), ("b", "c", 1)], least_bytes=1))
    assert (found["parts"], found["path_mean"]) == (3, pytest.approx(4 / 3))
    alone = measures(overlay("a", [], least_bytes=1))
    assert (alone["parts"], alone["path_mean"], alone["degree_max"]) == (1, 0.0, 0)


def test_results_have_a_row_for_each_run() -> None:
    sweep = {"peer_up": ["4 MiB/h", "8 MiB/h"]}
    results = measured(kurose_ross(clients=(4, 20), repeats=2), sweep)
    frame = results.overlay_measures()
    key = ["peer_up", "backend", "clients", "seed", "repeat"]
    pd.testing.assert_frame_equal(frame[key], results.runs[key])
    star = frame[frame["backend"] == "central"]
    assert star["links"].tolist() == star["clients"].tolist()
    assert set(star["clustering"]) == {0.0}
    mesh = frame[(frame["backend"] == "p2p") & (frame["clients"] == 20)]
    assert set(mesh["links"]) == {20 + 20 * 19 // 2}


def test_the_threshold_is_a_part_of_the_file() -> None:
    results = measured(kurose_ross(clients=(4,), backends=("central",)))
    talk = results.edges.iloc[0].to_dict()
    talk |= {"source": "client-001", "target": "client-002", "bytes": 4 * MIB // 1001}
    results.edges = pd.concat([results.edges, pd.DataFrame([talk])], ignore_index=True)
    assert results.overlay_measures()["links"].tolist() == [4]
    assert results.overlay_measures(least=0)["links"].tolist() == [5]
