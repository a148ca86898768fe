"""The command line `bench`: run scenarios, see their bounds, read and draw results."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.catalogue import find, names
from bench.classroom.command import demo
from bench.errors import BenchError
from bench.lecture.command import claim, claims
from bench.scenario import Scenario, override_all
from bench.terminal import (
    INTERRUPTED,
    AsJson,
    Text,
    assignments,
    fail,
    option,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from bench.results import Results

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One file, N hosts, two backends: measured over real local sockets, against the theory.",
)


ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO|FILE.toml", help="A name of `bench list`, or a file.")
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `bench run` left.")]
Clients = Annotated[Text, option("clients", "N,N,…", "Numbers of clients.")]
Setting = Annotated[
    list[str] | None, option("set", "FIELD=VALUE", "Set any field of the scenario; repeatable.")
]
Swept = Annotated[
    list[str] | None,
    option("sweep", "FIELD=V1,V2,…", "Run with each value of any field; repeatable."),
]
Out = Annotated[Text, option("out", "DIR", "Where to save; default results/SCENARIO-TIME.")]


@app.callback(invoke_without_command=True)
def _bench(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def run(
    scenario: ScenarioName = "kurose-ross",
    clients: Clients = None,
    backend: Annotated[
        list[str] | None, option("backend", "NAME", "central or p2p; repeatable.")
    ] = None,
    file_size: Annotated[Text, option("file-size", "SIZE", "The file, e.g. '4 MiB'.")] = None,
    origin_up: Annotated[
        Text, option("origin-up", "RATE", "The origin's uplink, e.g. '10 Mbit/s'.")
    ] = None,
    peer_up: Annotated[
        Text, option("peer-up", "RATE,…", "The clients' uplinks, cycled over them.")
    ] = None,
    peer_down: Annotated[
        Text, option("peer-down", "RATE,…", "The clients' downlinks, cycled over them.")
    ] = None,
    latency: Annotated[Text, option("latency", "TIME", "One way, e.g. '20 ms'.")] = None,
    transport: Annotated[
        Text, option("transport", "NAME,…", "http, http-close, socket or tftp; several: compare.")
    ] = None,
    discovery: Annotated[
        Text, option("discovery", "NAME,…", "How peers meet: dht, pex or full; several: compare.")
    ] = None,
    clock: Annotated[Text, option("clock", "CLOCK", "virtual, paced or real.")] = None,
    speed: Annotated[
        Text, option("speed", "X", "Paced: virtual seconds per second, at most.")
    ] = None,
    seed: Annotated[Text, option("seed", "N", "Seed of the first repeat.")] = None,
    repeats: Annotated[Text, option("repeats", "N", "Runs of each case.")] = None,
    sweep: Swept = None,
    set_: Setting = None,
    out: Out = None,
    jobs: Annotated[
        int | None, option("jobs", "N", "Runs beside each other; default one a processor.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a scenario, print its table and save its results."""
    given = {
        "clients": clients,
        "backends": ",".join(backend) if backend else None,
        "file_size": file_size,
        "origin_up": origin_up,
        "peer_up": peer_up,
        "peer_down": peer_down,
        "latency": latency,
        "transport": transport,
        "clock": clock,
        "speed": speed,
        "seed": seed,
        "repeats": repeats,
    }
    fields = {field: text for field, text in given.items() if text is not None}
    swept = assignments("--sweep", sweep)
    if discovery is not None:
        (swept if "," in discovery else fields)["discovery"] = discovery
    chosen = override_all(find(scenario), fields | assignments("--set", set_))
    _run(chosen, swept, out, jobs, as_json)


def _run(
    scenario: Scenario, sweep: dict[str, str], out: Text, jobs: int | None, as_json: bool
) -> None:
    # Pandas takes most of a second to import: not before it is known that there is work.
    from bench.experiment import run

    try:
        results = run(scenario, sweep=sweep, out=out, jobs=jobs)
    except KeyboardInterrupt as stop:
        raise typer.Exit(fail(str(stop) or "interrupted", INTERRUPTED)) from None
    _print_results(results, as_json)
    count = len(results.runs)
    runs = f"{count} run{'s'[: count != 1]}"
    say(f"{runs} in {results.meta['wall_s']:.1f} s, kept in {results.path}")


app.command()(claim)
app.command()(claims)
app.command()(demo)


@app.command("list")
def list_() -> None:
    """List the scenarios of the catalogue."""
    width = max(map(len, names()))
    for name in names():
        print(f"{name:{width}}  {find(name).title}")


@app.command()
def theory(
    scenario: ScenarioName = "kurose-ross",
    clients: Clients = None,
    set_: Setting = None,
    as_json: AsJson = False,
) -> None:
    """Print the bounds of a scenario, without running it."""
    from bench.table import bound_records, bound_rows

    fields = ({"clients": clients} if clients else {}) | assignments("--set", set_)
    chosen = override_all(find(scenario), fields)
    if as_json:
        print_json(bound_records(chosen))
    else:
        print_table(bound_rows(chosen), [chosen.title or chosen.name])


@app.command()
def plot(directory: Folder) -> None:
    """Draw the pictures of some results again."""
    from bench.results import load

    results = load(directory)
    from bench.plots import draw_all

    for picture in draw_all(results, directory):
        print(picture)


@app.command()
def compare(first: Folder, second: Folder, as_json: AsJson = False) -> None:
    """Compare two sets of results: differences, their spread, and whether the data decide."""
    from bench.comparison import compare as compared

    comparison = compared(first, second)
    if as_json:
        print_json(comparison.records())
    else:
        print_table(comparison.rows(), comparison.notes())


@app.command()
def show(
    directory: Folder,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the runs as CSV.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the table of some results."""
    from bench.results import load

    results = load(directory)
    if as_csv:
        print(results.runs.to_csv(index=False), end="")
    else:
        _print_results(results, as_json)


def _print_results(results: "Results", as_json: bool) -> None:
    if as_json:
        print_json(results.records())
        for note in results.notes()[1:]:
            say(note)
    else:
        print_table(results.rows(), results.notes())


def main() -> None:
    """Run the command line; every error is one line on stderr.

    Exits with 1 when a run fails, 2 on a wrong argument, 130 on an interrupt.
    """
    # `kill` ends a run like Ctrl-C, and both end one that a script started with `&`.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    try:
        code = typer.main.get_command(app)(standalone_mode=False)
    except BenchError as error:
        code = fail(str(error), error.exit_code)
    except typer.Abort:
        code = INTERRUPTED
    except Exception as error:
        # What typer refuses: the class moves from version to version.
        if not hasattr(error, "format_message"):
            raise
        code = fail(error.format_message(), 2)
    sys.exit(code)


if __name__ == "__main__":
    main()
