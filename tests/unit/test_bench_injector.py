"""bench.injector: hosts crash and come back, are cut off or slowed, and the rows say what came."""

import errno
import math
from pathlib import Path
from typing import Any

import pytest

import bench.injector
from bench.lasting import Stall
from bench.scenario import Scenario, override_all
from bench.sweep import TrialFailed, TrialResult, trials
from bench.trial import run_trial
from central.client import Client
from central.errors import DiskError
from host.loss import padhye
from host.quantities import Rate, Size

MIB = 1 << 20
SMALL = Scenario(
    name="small",
    file_size=Size(MIB),
    piece_size=Size(1 << 15),
    clients=(4,),
    origin_up=Rate(4 * MIB),
    peer_up=(Rate(MIB),),
)
"""The central bound is a second: four copies through the origin's uplink."""


def run(folder: Path, backend: str, **fields: Any) -> TrialResult:
    (trial,) = trials(override_all(SMALL, {"backends": backend} | fields))
    return run_trial(trial, folder, lambda fraction: None)


def finishes(result: TrialResult) -> list[float]:
    return [row["finish_s"] for row in result.nodes if row["role"] == "client"]


def events(result: TrialResult) -> list[tuple[str, str]]:
    return [(row["action"], row["node"]) for row in result.faults if row["node"]]


def test_without_its_server_nobody_is_served(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="kill origin at 50%")
    assert events(result) == [("kill", "origin")]
    (fault,) = result.faults
    assert fault["t_s"] == pytest.approx(0.5, abs=0.02)  # a look every hundredth of a second
    assert fault["share"] == pytest.approx(0.5, abs=0.02)
    assert all(map(math.isnan, finishes(result)))
    assert result.run["finished"] == 0
    assert math.isnan(result.run["finish_s"]) and math.isnan(result.run["efficiency"])
    assert 2 * MIB <= result.run["origin_up_bytes"] < 2.2 * MIB


def test_a_server_that_is_back_goes_on_where_it_was(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="kill origin at 50%,restore it 10 s later")
    assert events(result) == [("kill", "origin"), ("restore", "origin")]
    assert result.run["finished"] == 4
    # The second half takes half a second more, and a client tries again within a fifth of one.
    assert 10.9 < result.run["finish_s"] < 11.3
    assert result.run["origin_up_bytes"] < 4.2 * MIB


def test_peers_go_on_without_the_first(tmp_path: Path) -> None:
    result = run(tmp_path, "p2p", faults="kill origin at 50%")
    assert events(result) == [("kill", "origin")]
    assert result.run["finished"] == 4


@pytest.mark.parametrize("backend", ["central", "p2p"])
def test_who_was_killed_has_no_file_and_the_others_do(backend: str, tmp_path: Path) -> None:
    result = run(tmp_path, backend, faults="kill client-2 at 25%")
    assert [math.isnan(finish) for finish in finishes(result)] == [False, True, False, False]
    assert result.run["finished"] == 3
    assert math.isnan(result.run["efficiency"])


@pytest.mark.parametrize("backend", ["central", "p2p"])
def test_who_comes_back_gets_the_rest(backend: str, tmp_path: Path) -> None:
    result = run(tmp_path, backend, faults="kill 2 clients at 50%,restore them 3 s later")
    assert [action for action, _ in events(result)] == ["kill", "kill", "restore", "restore"]
    assert events(result)[0][1] == events(result)[2][1]
    assert result.run["finished"] == 4
    down = result.nodes[0]["up_bytes"] + sum(row["up_bytes"] for row in result.nodes[1:])
    assert down < 4.5 * MIB  # nothing that it had came twice


def test_a_cut_costs_its_time_and_nothing_else(tmp_path: Path) -> None:
    plain = run(tmp_path, "central", faults="change client-1 up=1 MiB/s at 0 s")  # as it was
    cut = run(tmp_path, "central", faults="cut origin at 500 ms,restore it 5 s later")
    assert events(cut) == [("cut", "origin"), ("restore", "origin")]
    late = [b - a for a, b in zip(finishes(plain), finishes(cut), strict=True)]
    assert late == pytest.approx([5.0] * 4, abs=1e-6)


def test_a_link_that_is_slowed_is_slow_from_then_on(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="change origin up=2 MiB/s at 500 ms")
    assert result.run["finish_s"] == pytest.approx(0.5 + 1.0, rel=0.01)


def test_links_are_slowed_as_the_file_is_scaled(tmp_path: Path) -> None:
    fields = {"file_size": "4 MiB", "moved_size": "1 MiB"}
    result = run(tmp_path, "central", faults="change origin up=2 MiB/s at 2 s", **fields)
    assert result.run["finish_s"] == pytest.approx(2 + 4, rel=0.01)


def test_what_changes_nothing_is_no_event(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="restore origin at 10%,kill client-1 at 20%")
    assert events(result) == [("kill", "client-001")]
    (missed,) = [row for row in result.faults if math.isnan(row["t_s"])]
    assert missed["sentence"] == "restore origin at 10%"


def test_what_never_happened_is_said(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="kill origin at 5 h")
    assert result.run["ending"] == "whole"
    assert events(result) == []
    assert [row["sentence"] for row in result.faults] == ["kill origin at 5 h"]


@pytest.mark.parametrize("backend", ["central", "p2p"])
@pytest.mark.parametrize("host", ["origin", "client-001"])
@pytest.mark.parametrize("first", ["kill", "restore"])
def test_what_happens_to_a_host_at_once_happens_in_turn(
    backend: str, host: str, first: str, tmp_path: Path
) -> None:
    second = {"kill": "restore", "restore": "kill"}[first]
    faults = f"{first} {host} at 500 ms,{second} {host} at 500 ms"
    result = run(tmp_path, backend, faults=faults)
    if first == "kill":
        assert events(result) == [("kill", host), ("restore", host)]
        assert result.run["finished"] == 4
    else:
        assert events(result) == [("kill", host)]


def test_a_run_over_a_long_way_is_not_given_up(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="kill client-001 at 1 s", latency="150 s")
    assert (result.run["finished"], result.run["ending"]) == (3, "hopeless")


def test_a_run_over_a_slow_link_is_not_given_up(tmp_path: Path) -> None:
    fields = {"clients": 1, "file_size": "256 KiB", "piece_size": "128 KiB", "deadline": 1e6}
    result = run(tmp_path, "p2p", faults="change origin up=300 B/s at 50%", **fields)
    assert result.run["finished"] == 1
    assert result.run["finish_s"] > 262  # for a piece, and longer than any run stands still
    assert math.isnan(result.run["efficiency"])  # the bound is of other links


def test_a_run_that_loss_makes_slow_is_not_given_up(tmp_path: Path) -> None:
    fields = {"clients": 1, "file_size": "64 KiB", "latency": "100 ms", "deadline": 1e6}
    result = run(tmp_path, "p2p", faults="change client-001 loss=80% at 0 s", **fields)
    assert result.run["ending"] == "whole"
    # A segment comes every 14 seconds, and all that a peer has is one piece.
    assert result.run["finish_s"] > 64 * 1024 / padhye(0.8, 0.2) > 400


def test_a_run_that_stands_still_is_over(tmp_path: Path) -> None:
    result = run(tmp_path, "p2p", faults="kill origin at 5%")
    assert (result.run["finished"], result.run["ending"]) == (0, "stalled")
    assert 0 <= result.run["overhead_bytes"] < 1 << 19


def test_a_latency_is_that_of_the_path(tmp_path: Path) -> None:
    fields = {"clients": 1, "request_size": "64 KiB", "transport": "http-close"}
    far = run(tmp_path, "central", latency="1 s", **fields)
    moved = run(tmp_path, "central", faults="change client-1 latency=1 s at 0 s", **fields)
    # The first connection's request may have left before.
    assert moved.run["finish_s"] == pytest.approx(far.run["finish_s"], abs=2.1)
    both = run(tmp_path, "central", faults="change client-1 latency=1 s at 0 s", latency="200 ms",
               **fields)  # fmt: skip
    assert both.run["finish_s"] == pytest.approx(far.run["finish_s"], abs=2.1)


def test_who_is_revived_before_it_joins_joins_when_it_should(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="kill client-4 at 0 s,restore it 10 ms later",
                 join_every="20 s")  # fmt: skip
    late = result.nodes[4]
    assert late["join_s"] > 1
    assert late["finish_s"] > late["join_s"]


@pytest.mark.parametrize("clients", [2, 3])
def test_peers_that_began_before_anybody_was_there_find_each_other(
    clients: int, tmp_path: Path
) -> None:
    faults = "kill origin at 0%,restore it 120 s later"
    result = run(tmp_path, "p2p", faults=faults, clients=clients)
    assert result.run["finished"] == clients


def test_a_share_never_falls(tmp_path: Path) -> None:
    faults = "kill all clients at 50%,restore them 1 s later,cut origin at 60%"
    result = run(tmp_path, "p2p", faults=faults)
    shares = [row["share"] for row in result.faults]
    assert shares == sorted(shares)


@pytest.mark.parametrize("error", [DiskError("full"), OSError(errno.ENOSPC, "full")])
def test_a_full_disk_is_no_fault(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: Client, link: str, directory: Path) -> Path:
        raise error

    monkeypatch.setattr(Client, "fetch", full)
    with pytest.raises(TrialFailed, match=r"client-001: .*full$"):
        run(tmp_path, "central", faults="kill client-002 at 1 s")


def test_too_much_coming_and_going_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.injector, "MOST_EVENTS", 50)
    with pytest.raises(TrialFailed, match=r"more than 50 crashes and returns; expected a longer"):
        run(tmp_path, "central", session="1 ms")


def test_a_stall_is_a_share_that_stands_still() -> None:
    stall = Stall(0.0)
    assert not stall.lasts(0.5, 1.0, 10.0)
    assert not stall.lasts(0.5, 10.9, 10.0)
    assert stall.lasts(0.5, 11.0, 10.0)
    assert not stall.lasts(0.6, 12.0, 10.0)
    stall.expect(20.0)
    assert not stall.lasts(0.6, 29.0, 10.0)
    assert stall.lasts(0.6, 30.0, 10.0)


@pytest.mark.parametrize("backend", ["central", "p2p"])
def test_hosts_that_come_and_go_get_the_file_in_the_end(backend: str, tmp_path: Path) -> None:
    first, second = (run(tmp_path, backend, session="500 ms", absence="200 ms") for _ in range(2))
    assert first.run["finished"] == 4
    assert {action for action, _ in events(first)} == {"kill", "restore"}
    assert "origin" not in {node for _, node in events(first)}
    assert (first.nodes[1:], first.faults) == (second.nodes[1:], second.faults)


def test_who_stays_down_is_not_waited_for(tmp_path: Path) -> None:
    result = run(tmp_path, "central", faults="kill all clients at 50%")
    assert result.run["finished"] == 0
    assert max(row["t_s"] + row["bucket_s"] for row in result.samples) < 1.0


def test_a_bug_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Client, link: str, directory: Path) -> Path:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(Client, "fetch", broken)
    with pytest.raises(TrialFailed, match=r"client-001: oops$"):
        run(tmp_path, "central", faults="kill origin at 50%")


def test_under_the_real_clock_too(tmp_path: Path) -> None:
    fields = {"clock": "real", "file_size": "256 KiB"}
    result = run(tmp_path, "p2p", faults="cut client-1 at 0 s,restore it 100 ms later", **fields)
    assert events(result) == [("cut", "client-001"), ("restore", "client-001")]
    assert result.run["finished"] == 4
