"""The README is true: its commands and its code run, its tables hold what the program has."""

import functools
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from pathlib import Path
from signal import SIGINT
from urllib.request import urlopen

import pandas as pd
import pytest
from programs import needs

import bench
from bench.catalogue import find, names
from bench.claims import everything
from bench.lecture.claim import Verdict
from bench.plots import PICTURES
from bench.results import COLUMNS, KEY
from bench.table import figure
from bench.theory import bound

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
COMMANDS = "".join(text for kind, text in BLOCKS if kind == "sh").splitlines()
FIRST = "results/first"
CENTRAL = [sys.executable, "-m", "central.cli"]

# The `bench` of the README's commands. All runs but the first have little to move and draw nothing.
BENCH = f"""
import sys
import bench.plots
from bench.cli import main

sys.argv[0] = "bench"
if sys.argv[1] == "run" and "{FIRST}" not in sys.argv:
    sys.argv += ["--file-size", "64 KiB", "--set", "piece_size=16 KiB"]
    sys.argv += ["--clients", "2"] if "--clients" not in sys.argv else []
    bench.plots.PICTURES.clear()
if sys.argv[1] == "claims" and "--list" not in sys.argv:
    sys.argv.insert(2, "boundaries")
if sys.argv[1] == "demo":
    sys.argv += ["--clients", "2"]
if sys.argv[1] == "plot":
    bench.plots.PICTURES = {{"overlay": bench.plots.PICTURES["overlay"]}}
main()
"""


def shell(script: str, folder: Path, **environment: str) -> str:
    """Run a script and return what it prints; what it says on stderr is shown where it fails."""
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def commands(start: str) -> list[str]:
    """Return the lines of the README's commands that start so."""
    return [line for line in COMMANDS if line.startswith(f"{start} ")]


def table(head: str) -> list[list[str]]:
    """Return the cells of every row of the README's table with this first head."""
    text = re.search(rf"^\| {head} \|.*\n\|[- :|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert text is not None, head
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in text[1].splitlines()]


def quoted(cell: str) -> list[str]:
    """Return what a cell has in backquotes."""
    return re.findall(r"`([^`]+)`", cell)


LIVE = [line for line in [*commands("bench demo"), "bench demo"] if "--record" not in line]
"""Commands that go on until they are interrupted."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where all of the README's `bench` commands were run, one after the other."""
    folder = tmp_path_factory.mktemp("reader")
    tools = tmp_path_factory.mktemp("tools")
    program = tools / "bench"
    tools.joinpath("bench.py").write_text(BENCH)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{tools}/bench.py" "$@"\n')
    program.chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    lines = [line for line in commands("bench") if line not in LIVE]
    shell("\n".join(["set -eux", *lines, "bench list"]), folder, PATH=path)
    return folder


def test_every_command_is_checked_here() -> None:
    checked = {"make", "bench", "central", "curl", "p2p", "pip", "jupyter"}
    assert {line.split()[0] for line in COMMANDS} == checked
    assert {kind for kind, _ in BLOCKS} == {"", "sh", "python"}


def test_the_first_commands_are_bench_and_test() -> None:
    assert COMMANDS[:2] == ["make bench", "make test"]
    assert README.index("make test") < README.index("\n## ")
    assert "\t$(BIN)/bench run kurose-ross\n" in (PROJECT / "Makefile").read_text()


def test_make_has_every_target_that_is_named() -> None:
    targets = {*re.findall(r"`make ([\w-]+)`", README), *(line[5:] for line in commands("make"))}
    helped = re.findall(r"^make ([\w-]+)", shell("make", PROJECT), re.MULTILINE)
    assert targets == set(helped)
    for target in targets:
        shell(f"make -n {target}", PROJECT)


def test_what_jupyter_needs_is_there() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert commands("pip") == ['pip install -e ".[notebook]"']
    assert "jupyterlab" in " ".join(project["optional-dependencies"]["notebook"])
    for line in commands("jupyter"):
        assert (PROJECT / line.split()[-1]).is_file()


def test_one_terminal_shares_and_another_gets(tmp_path: Path) -> None:
    """The commands of `p2p`, one after the other, with a free port for the one that they name."""
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "song").write_bytes(bytes(range(256)) * 300)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    create, show, share, get = (
        [sys.executable, "-m", "p2p.cli", *shlex.split(line.replace("6881", port))[1:]]
        for line in commands("p2p")
    )
    run = functools.partial(subprocess.run, cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    run(create)
    assert b"album/song" in run(show).stdout
    with subprocess.Popen(share, cwd=tmp_path, stdout=subprocess.PIPE) as sharing:
        try:
            assert sharing.stdout.readline().startswith(b"magnet:?xt=urn:btih:")
            assert run(get).stdout == b"copies/album\n"
        finally:
            sharing.terminate()
    assert sharing.returncode == 0
    copy = tmp_path / "copies" / "album" / "song"
    assert copy.read_bytes() == (tmp_path / "album" / "song").read_bytes()


def test_one_terminal_serves_and_another_gets(tmp_path: Path) -> None:
    """The commands of `central` in their order, with free ports for those that they name."""
    (tmp_path / "album").mkdir()
    song = bytes(range(256)) * 300
    (tmp_path / "album" / "song").write_bytes(song)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        socket.create_server(("127.0.0.1", 0)) as three,
    ):
        ports = [str(probe.getsockname()[1]) for probe in (one, two, three)]

    def words(line: str) -> list[str]:
        for protocol, used, port in zip(
            ("http", "socket", "tftp"), ("8080", "8081", "8069"), ports, strict=True
        ):
            line = line.replace(f"--protocol {protocol}", f"--protocol {protocol}:{port}")
            line = line.replace(f":{used}/", f":{port}/")
        program, *rest = shlex.split(line)
        return [needs("curl"), *rest] if program == "curl" else [*CENTRAL, *rest]

    run = functools.partial(subprocess.run, cwd=tmp_path, check=True, stdout=subprocess.PIPE)
    serve, listing, get, again, grant, guarded, tokens, revoke = map(words, commands("central"))
    (curl,) = map(words, commands("curl"))
    with subprocess.Popen([*serve, "--quiet"], cwd=tmp_path, stdout=subprocess.PIPE) as serving:
        try:
            urls = [serving.stdout.readline().decode() for _ in ports]
            schemes = ("http", "socket", "tftp")
            assert urls == [
                f"{scheme}://127.0.0.1:{port}/\n"
                for scheme, port in zip(schemes, ports, strict=True)
            ]
            assert b"song" in run(listing).stdout
            for command in (get, again):
                assert run(command).stdout == b"copies/song\n"
                assert (tmp_path / "copies" / "song").read_bytes() == song
            run([*curl, "--silent"])
            assert (tmp_path / "start").read_bytes() == song[:100]
        finally:
            serving.terminate()
    assert serving.returncode == 0
    token = run(grant).stdout.decode().strip()
    assert token.startswith("fsl_")
    guarded += ["--protocol", f"http:{ports[0]}", "--quiet"]
    with subprocess.Popen(guarded, cwd=tmp_path, stdout=subprocess.PIPE) as serving:
        try:
            serving.stdout.readline()
            assert b"alice" in run(tokens).stdout
            get.append("--force")
            refused = subprocess.run(get, cwd=tmp_path, capture_output=True)
            assert (refused.returncode, refused.stdout) == (4, b"")
            assert run(get, env=os.environ | {"CENTRAL_TOKEN": token}).stdout == b"copies/song\n"
            run(revoke)
        finally:
            serving.terminate()


def test_the_demonstration_is_served_until_it_is_interrupted(tmp_path: Path) -> None:
    for line in LIVE:
        assert line in COMMANDS
        command = [sys.executable, "-m", "bench.cli", *shlex.split(line)[1:], "--port", "0"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as showing:
            link = showing.stdout.readline().decode()
            with urlopen(link) as page:
                assert b'<div class="fsl-demo">' in page.read()
            showing.send_signal(SIGINT)
        assert showing.returncode == 130


def test_a_recording_is_one_page(folder: Path) -> None:
    for page in (folder / "lesson.html", PROJECT / "docs/lesson.html"):
        assert b'class="fsl-recording"' in page.read_bytes()
        assert page.stat().st_size < 400_000


def test_what_it_links_to_is_there() -> None:
    for place in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert (PROJECT / place).exists(), place
    assert (PROJECT / "docs/distribution_time.png").stat().st_size < 200_000


def test_the_commands_leave_what_the_tables_say(folder: Path) -> None:
    kept = {path.name for path in (folder / FIRST).iterdir()}
    frames = {quoted(row[0])[0] for row in table("file")}
    drawn = {f"{quoted(row[0])[0]}.{kind}" for row in table("picture") for kind in ("png", "svg")}
    assert drawn == {f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg")}
    compared = {f"transports.{kind}" for kind in ("png", "svg")}
    assert kept == frames | (drawn - compared) | {"scenario.toml", "meta.json"}
    claims = [line for line in commands("bench claim") + commands("bench claims")
              if "--list" not in line]  # fmt: skip
    kept_runs = len(list((folder / "results").iterdir()))
    assert kept_runs == len(commands("bench run")) + len(claims)
    assert len(list((folder / "results").glob("claims-*/report.html"))) == 1
    records = json.loads((folder / "runs.json").read_text())
    assert [record["backend"] for record in records] == ["central", "p2p"]
    assert list(pd.read_csv(folder / "runs.csv").columns) == [*KEY, *COLUMNS["runs"]]


def test_the_columns_are_those_of_the_frames() -> None:
    listed = {quoted(row[0])[0].removesuffix(".parquet"): quoted(row[2]) for row in table("file")}
    assert listed == {name: list(columns) for name, columns in COLUMNS.items()}


def test_the_scenarios_are_those_of_the_catalogue() -> None:
    assert sorted(quoted(row[0])[0] for row in table("scenario")) == names()


def test_the_claims_are_those_of_the_folder() -> None:
    rows = {quoted(row[0])[0]: row[1] for row in table("claim")}
    assert rows == {claim.name: claim.english for claim in everything()}
    verdicts = tuple(map(str, (Verdict.HOLDS, Verdict.FAILS)))
    assert all(row[2].startswith(verdicts) for row in table("claim"))


def test_a_results_folder_can_be_run_again(folder: Path) -> None:
    again = bench.run(folder / FIRST / "scenario.toml", clients=4, out=False, progress=False)
    before = bench.load(folder / FIRST).runs.query("clients == 4")
    assert list(again.runs.finish_s) == list(before.finish_s)


def test_the_code_runs(folder: Path) -> None:
    (code,) = [text for kind, text in BLOCKS if kind == "python"]
    (folder / "script.py").write_text(code)
    printed = shell(f"'{sys.executable}' script.py", folder, MPLBACKEND="agg")
    assert len(re.findall(r"^\d +(?:0 s|50 ms) +(?:central|p2p) ", printed, re.MULTILINE)) == 8
    assert re.search(r"^central +\d+ +origin +\d+$", printed, re.MULTILINE)
    assert (folder / "mine.png").stat().st_size > 10_000


def test_the_figures_are_the_theorys_and_this_programs() -> None:
    """The bounds to the digit; what was measured to 1 %, in a run of the smaller N."""
    scenario = find("kurose-ross")
    rows = {int(row[0]): row[1:] for row in table("N")}
    assert tuple(rows) == scenario.clients
    for clients, cells in rows.items():
        for backend, own in (("central", cells[:4]), ("p2p", cells[4:])):
            finish, least, efficiency, _ = own
            assert least == figure(bound(scenario, backend, clients) / 3600)
            assert float(efficiency) == pytest.approx(float(least) / float(finish), abs=1e-3)
    again = bench.run(scenario, clients=(1, 3, 5), out=False, progress=False)
    for run in again.runs.itertuples():
        first = {"central": 0, "p2p": 4}[run.backend]
        finish, _, _, sent = rows[run.clients][first : first + 4]
        assert run.finish_s / 3600 == pytest.approx(float(finish), rel=0.01)
        assert run.origin_up_bytes / run.file_bytes == pytest.approx(float(sent[:-2]), rel=0.02)
