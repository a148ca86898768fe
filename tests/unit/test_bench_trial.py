"""bench.trial: small and far runs have the time they need, and progress changes no result."""

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

import bench.trial
from bench.backends import BACKENDS
from bench.catalogue import find
from bench.scenario import override_all
from bench.sweep import Trial, TrialFailed, TrialResult, trials
from bench.trial import LEAST_DEADLINE_S, ROUNDS, deadline, run_trial
from central.backend import CentralBackend
from central.client import Client
from central.config import ClientConfig
from host.host import Host
from host.loss import padhye
from p2p.wire import BLOCK


def only(backend: str, clients: int, **fields: object) -> Trial:
    changes = {"clients": clients, "backends": backend} | fields
    (trial,) = trials(override_all(find("quick"), changes))
    return trial


def outcome(trial: Trial, folder: Path) -> tuple[TrialResult, list[float]]:
    fractions: list[float] = []
    return run_trial(trial, folder, fractions.append), fractions


@pytest.mark.parametrize("backend", ["central", "p2p"])
@pytest.mark.parametrize(
    ("size", "latency"), [("1 B", "0"), ("1 KiB", "20 ms"), ("64 KiB", "1 s"), ("0", "1 s")]
)
def test_small_and_far_runs_end_in_time(
    backend: str, size: str, latency: str, tmp_path: Path
) -> None:
    result, _ = outcome(only(backend, 2, file_size=size, latency=latency), tmp_path)
    assert math.isfinite(result.run["finish_s"])
    assert list(tmp_path.iterdir()) == []


def test_the_deadline_counts_latency_and_the_slowest_link() -> None:
    slow = only("central", 2, peer_up="1 KiB/s, 2 KiB/s", latency="2 s", deadline=3)
    assert deadline(slow, 100.0) == 3 * (100 + ROUNDS * (2 + 16))
    scaled = only("central", 1, peer_up="1 KiB/s", moved_size="512 KiB")
    assert deadline(scaled, 100.0) == 20 * (100 + ROUNDS * 32)
    unlimited = {"origin_up": "unlimited", "peer_up": "unlimited"}
    assert deadline(only("central", 2, **unlimited), 0.0) == LEAST_DEADLINE_S
    far = only("central", 2, latency="1 min", **unlimited)
    assert deadline(far, 0.0) == 20 * ROUNDS * 60


def test_the_deadline_counts_what_loss_leaves_of_tcp() -> None:
    lossy = only("central", 2, latency="20 ms", loss="5%", origin_up="64 MiB/s", peer_up="64 MiB/s")
    rate = padhye(0.05, 0.04)
    size = lossy.scenario.file_size
    expected = 20 * (1.0 + size / rate + ROUNDS * (0.02 + BLOCK / rate))
    assert deadline(lossy, 1.0) == pytest.approx(expected)
    scaled = only("central", 2, **CROWDED, moved_size="1 MiB")
    expected = 20 * (4.0 + 2**28 / rate + ROUNDS * (0.02 + 256 * BLOCK / rate))
    assert deadline(scaled, 4.0) == pytest.approx(expected)


CROWDED = {
    "file_size": "256 MiB",
    "origin_up": "64 MiB/s",
    "peer_up": "64 MiB/s",
    "latency": "20 ms",
    "loss": "5%",
}


def test_a_scaled_file_takes_as_long_under_loss_as_the_whole(tmp_path: Path) -> None:
    trial = only("central", 1, **CROWDED, moved_size="1 MiB")
    result, _ = outcome(trial, tmp_path)
    expected_s = 2**28 / padhye(0.05, 0.04)
    assert expected_s > 2000
    assert result.run["finish_s"] == pytest.approx(expected_s, rel=0.05)


@pytest.mark.parametrize("backend", ["central", "p2p"])
def test_heavy_loss_is_slow_and_no_failure(backend: str, tmp_path: Path) -> None:
    fields = {"file_size": "64 KiB", "latency": "1 s", "loss": "60%"}
    result, _ = outcome(only(backend, 2, **fields), tmp_path)
    alone_s = 2**16 / padhye(0.6, 2.0)
    assert alone_s > LEAST_DEADLINE_S
    assert 0.5 * alone_s < result.run["finish_s"] < 3 * alone_s


def test_who_runs_out_of_time_is_told_how_to_get_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.trial, "LEAST_DEADLINE_S", 0.0)
    monkeypatch.setattr(bench.trial, "ROUNDS", 0)
    trial = only("central", 2, deadline=1)
    with pytest.raises(TrialFailed) as failure:
        outcome(trial, tmp_path)
    line = str(failure.value).splitlines()[0]
    assert line == (
        f"{trial}: unfinished at the deadline of 12 s (--set deadline=... gives more time)"
    )


def test_a_client_that_never_has_the_file_fails_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Quitter(Client):
        async def fetch(self, link: str, directory: Path) -> Path:
            raise asyncio.CancelledError

    class Backend(CentralBackend):
        def client(self, host: Host) -> Client:
            return Quitter(host)

    monkeypatch.setattr(bench.trial, "BACKENDS", {"central": lambda scenario, on_piece: Backend()})
    trial = only("central", 2)
    with pytest.raises(TrialFailed) as failure:
        run_trial(trial, tmp_path, lambda fraction: None)
    assert str(failure.value) == f"{trial}: client-001: it never had the file"


@pytest.mark.parametrize(
    ("transport", "connections"), [("http", 3), ("http-close", 3 * 4), ("socket", 3), ("tftp", 0)]
)
def test_what_a_transport_costs_is_counted(
    transport: str, connections: int, tmp_path: Path
) -> None:
    fields = {"file_size": "200 KiB", "request_size": "64 KiB", "latency": "5 ms"}
    trial = only("central", 3, transport=transport, **fields)
    result, _ = outcome(trial, tmp_path)
    size = 200 * 1024
    assert result.run["origin_connections"] == connections
    assert result.run["origin_calls"] > 0
    came = [node["down_bytes"] for node in result.nodes[1:]]
    assert result.run["overhead_bytes"] == sum(came) - 3 * size
    if transport == "tftp":
        # Four bytes before every block, and once the options that were agreed on.
        blocks = size // ClientConfig().block_size + 1
        assert all(0 < own - size - 4 * blocks < 200 for own in came)
    assert all(0 < own - size < size // 50 for own in came)


def measures(result: TrialResult) -> list[Any]:
    run = {name: value for name, value in result.run.items() if name not in MACHINES}
    clients = [node for node in result.nodes if node["role"] == "client"]
    return [run, clients, result.samples, result.edges]


MACHINES = ("wall_s", "cpu_s", "rss_bytes")


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_progress_is_the_share_of_bytes_that_have_come_and_changes_no_result(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = only(backend, 4)
    monkeypatch.setattr(bench.trial, "REPORT_EVERY_S", 60.0)
    unwatched, none = outcome(trial, tmp_path)
    assert none == []
    assert unwatched.run["rss_bytes"] > 2**24
    monkeypatch.setattr(bench.trial, "REPORT_EVERY_S", 0.001)
    watched, fractions = outcome(trial, tmp_path)
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < 0.5 < fractions[-1] <= 1
    assert any(0 < fraction < 1 and fraction * 4 % 1 for fraction in fractions)
    assert measures(watched) == measures(unwatched)
