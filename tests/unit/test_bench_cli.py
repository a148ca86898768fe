"""bench.cli: tables and records on stdout, errors as one line on stderr and an exit code."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Bench, bench_here

import bench.experiment
import bench.plots
from bench.catalogue import names
from bench.results import COLUMNS, KEY, load

DRAW_ALL = bench.plots.draw_all


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Bench]:
    """Run `bench` here and return its exit code, stdout and stderr; trials move nothing."""
    monkeypatch.setattr(bench.experiment, "RUN_TRIAL", "bench_fakes:swift")
    monkeypatch.setattr(bench.plots, "draw_all", lambda results, folder: [folder / "load.png"])
    monkeypatch.chdir(tmp_path)
    yield from bench_here(monkeypatch, capsys)


def test_without_a_command_it_helps(command: Bench) -> None:
    code, out, err = command()
    assert (code, err) == (0, "")
    for word in ("run", "list", "theory", "plot", "show"):
        assert f" {word} " in out


def test_list(command: Bench) -> None:
    code, out, err = command("list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == names()


def test_run_prints_a_table_and_where_the_results_are(command: Bench) -> None:
    code, out, err = command("run", "quick", "--clients", "4", "--jobs", "1", "--out", "here")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert code == 0
    assert " ".join(lines[0]) == "A small run, to see that all works"
    assert " ".join(lines[-2]) == "central 4 48.00 24.00 0.500 4.00 0.00 0.00 0.00 0.25"
    assert " ".join(lines[-1]) == "p2p 4 34.29 17.14 0.500 4.00 0.00 0.00 0.00 0.25"
    first, second, last = err.splitlines()
    assert first == "1/2  central, N = 4, seed 1: 48.00 s in 0.2 s"
    assert second == "2/2  p2p, N = 4, seed 1: 34.29 s in 0.2 s"
    assert last.startswith("2 runs in ")
    assert last.endswith(" s, kept in here")
    assert list(load("here").runs.backend) == ["central", "p2p"]


def test_the_default_scenario_is_the_textbooks(command: Bench) -> None:
    code, out, _ = command("run", "--clients", "1", "--backend", "central", "--json")
    assert code == 0
    assert json.loads(out)[0]["bound_s"] == pytest.approx(360.0)
    assert Path("results").is_dir()


def test_run_takes_every_option(command: Bench) -> None:
    text = (
        "run quick --clients 1,2 --backend p2p --backend central --file-size 2MiB --latency 20ms "
        "--origin-up 1MiB/s --peer-up 1MiB/s,2MiB/s --peer-down unlimited --clock paced "
        "--speed 120 --seed 5 --repeats 2 --set upload-slots=2 --set deadline=3 --out here --json "
        "--sweep connections=5,6 --sweep latency=1ms,2ms"
    )
    code, out, _ = command(*text.split())
    assert code == 0
    records = json.loads(out)
    assert len(records) == 2 * 2 * 2 * (2 + 1)  # connections are nothing to a central server
    assert [*records[0]] == ["connections", "latency", *KEY, *COLUMNS["runs"]]
    assert records[0]["clock"] == "paced"
    assert {(r["connections"], r["latency"]) for r in records} == {
        (connections, latency) for connections in ("5", "6", "-") for latency in ("1 ms", "2 ms")
    }
    scenario = load("here").scenario
    assert (scenario.speed, scenario.upload_slots, scenario.deadline) == (120.0, 2, 3.0)
    assert scenario.backends == ("p2p", "central")


@pytest.mark.parametrize(
    ("option", "transports"),
    [
        ([], ["http", "http-close", "socket", "tftp"]),
        (["--transport", "tftp"], None),
        (["--transport", "tftp,socket"], ["tftp", "socket"]),
    ],
)
def test_a_scenario_may_name_its_transports_and_an_option_others(
    option: list[str], transports: list[str] | None, command: Bench
) -> None:
    code, out, _ = command("run", "transports", "--clients", "1", *option, "--out", "a", "--json")
    assert code == 0
    records = json.loads(out)
    assert [record.get("transport") for record in records] == (transports or [None])
    assert load("a").meta["sweep"] == ({"transport": transports} if transports else {})


def test_several_transports_are_compared_with_one_run_of_p2p(command: Bench) -> None:
    _, out, err = command("run", "quick", "--clients", "1", "--transport", "http,tftp")
    rows = [line.split()[:3] for line in out.splitlines() if line.strip()]
    assert rows[1] == ["transport", "backend", "N"]
    assert rows[3:] == [
        ["http", "central", "1"],
        ["tftp", "central", "1"],
        ["-", "p2p", "1"],
    ]
    assert "  p2p, N = 1, seed 1: " in err
    assert "  transport = tftp, central, N = 1, seed 1: " in err


def test_json_has_null_where_there_is_no_number(command: Bench) -> None:
    code, out, _ = command("run", "quick", "--file-size", "0", "--out", "here", "--json")
    assert code == 0
    assert "NaN" not in out
    assert json.loads(out)[0]["efficiency"] is None


def test_the_factor_of_scaling_is_told(command: Bench) -> None:
    options = ["run", "homework", "--clients", "10", "--backend", "central", "--out", "here"]
    line = "moved 4 MiB of 1.746 GiB over links slowed 447 times"
    _, out, err = command(*options)
    assert line in out.splitlines()
    _, out, err = command(*options, "--json")
    assert line in err.splitlines()


def test_a_file_of_ones_own(command: Bench) -> None:
    Path("mine.toml").write_text(
        'file_size = "1 MB"\nclients = 3\norigin_up = "8 Mbit/s"\npeer_up = "1 Mbit/s"\n'
    )
    code, out, _ = command("run", "mine.toml", "--backend", "central", "--json", "--out", "here")
    assert code == 0
    assert json.loads(out)[0]["bound_s"] == 3.0
    assert load("here").scenario.name == "mine"


def test_theory(command: Bench) -> None:
    code, out, err = command("theory", "--clients", "1,5,10,35")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines()]
    assert ["35", "3.500", "0.7778"] in rows
    code, out, err = command("theory", "homework", "--set", "peer_up=300 kbit/s", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)[-1] == {
        "backend": "p2p",
        "clients": 100,
        "bound_s": 25000.0,
        "in_pieces_s": None,
    }


def test_show_and_plot(command: Bench) -> None:
    _, table, _ = command("run", "quick", "--out", "here")
    assert command("show", "here") == (0, table, "")
    code, out, err = command("show", "here", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, len(rows)) == (0, "", 6)
    assert [*rows[0]] == [*KEY, *COLUMNS["runs"]]
    code, out, err = command("show", "here", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == load("here").records()
    assert command("plot", "here") == (0, "here/load.png\n", "")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["run", "nope"],
            "nope: no such scenario; expected a .toml file or one of equal-uplinks, ",
        ),
        (["run", "nope.toml"], "nope.toml: no such file or directory"),
        (["theory", "nope"], "nope: no such scenario; "),
        (
            ["run", "quick", "--origin-up", "10 Mbits"],
            "origin_up: '10 Mbits' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'",
        ),
        (
            ["run", "quick", "--backend", "ftp"],
            "backends: 'ftp'; expected some of central, p2p, each once",
        ),
        (
            ["run", "quick", "--transport", "http,ftp"],
            "transport: 'ftp'; expected one of http, http-close, socket, tftp",
        ),
        (["run", "quick", "--clients", "1,x"], "clients: 'x'; expected a whole number"),
        (
            ["run", "quick", "--clock", "wall"],
            "clock: 'wall'; expected one of virtual, paced, real",
        ),
        (["run", "quick", "--set", "color=red"], "color: no such field; "),
        (["run", "quick", "--set", "latency"], "--set: 'latency'; expected FIELD=VALUE"),
        (["run", "quick", "--sweep", "latency"], "--sweep: 'latency'; expected FIELD=VALUE"),
        (["run", "quick", "--sweep", "latency=x"], "latency: 'x' is not a duration; "),
        (["run", "quick", "--jobs", "0"], "jobs: 0; expected 1 or more"),
        (["run", "quick", "--jobs", "x"], "Invalid value for '--jobs': "),
        (["run", "quick", "--out", "file"], "file: cannot be made: File exists"),
        (["run", "quick", "--out", ""], "out: ''; expected the name of a folder"),
        (
            ["run", "quick", "--clients", "9" * 30],
            f"clients: '{'9' * 30}'; expected numbers from 1 to 60,000, each once",
        ),
        (["run", "--color"], "No such option: --color"),
        (["walk"], "No such command 'walk'."),
        (["show"], "Missing argument 'DIR'"),
        (["show", "nope"], "nope: expected a folder that `bench run` left; there is no meta.json"),
        (["plot", "nope"], "nope: expected a folder that `bench run` left; there is no meta.json"),
    ],
)
def test_what_is_wrong_gets_one_line_and_exit_2(
    arguments: list[str], line: str, command: Bench
) -> None:
    Path("file").touch()
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"bench: {line}")
    assert err.count("\n") == 1
    assert err.endswith("\n")


def test_pictures_that_cannot_be_written_get_one_line(
    command: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    command("run", "quick", "--clients", "1", "--out", "here")
    monkeypatch.setattr(bench.plots, "draw_all", DRAW_ALL)
    Path("here", "distribution_time.png").mkdir()
    code, out, err = command("plot", "here")
    assert (code, out) == (2, "")
    assert err == "bench: here: the pictures cannot be written: Is a directory\n"


def test_a_failed_run_gets_one_line_and_exit_1(
    command: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.experiment, "RUN_TRIAL", "bench_fakes:failing")
    options = ("--clients", "3,2", "--backend", "central", "--jobs", "1", "--out", "here")
    code, out, err = command("run", "quick", *options)
    assert (code, out) == (1, "")
    assert err.splitlines()[1:] == [
        "bench: central, N = 2, seed 1: client-002: the digest is wrong; "
        "1 of 2 runs had finished and are kept in here"
    ]


def test_a_bug_in_a_trial_shows_no_traceback(
    command: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.experiment, "RUN_TRIAL", "bench_fakes:broken")
    assert command("run", "quick", "--clients", "1", "--backend", "p2p", "--out", "here") == (
        1,
        "",
        "bench: p2p, N = 1, seed 1: ValueError: two lines; 0 of 1 runs had finished\n",
    )
