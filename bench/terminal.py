"""What the commands of `bench` share: options as people write them, tables, lines on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.scenario import ScenarioError

if TYPE_CHECKING:
    from bench.table import Rows

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended
UNBOUNDED = 10_000  # characters of a line that nothing limits


def option(name: str, metavar: str, help_: str) -> Any:
    """An option of a command, without its default in the help."""
    return typer.Option(f"--{name}", metavar=metavar, help=help_, show_default=False)


Text = str | None
AsJson = Annotated[bool, typer.Option("--json", help="Print an array of records.")]


def assignments(option: str, texts: list[str] | None) -> dict[str, str]:
    """Return the fields and values of options such as `--set FIELD=VALUE`."""
    pairs = {}
    for text in texts or []:
        field, equals, value = text.partition("=")
        if not equals:
            raise ScenarioError(f"{option}: {text!r}; expected FIELD=VALUE")
        pairs[field.strip().replace("-", "_")] = value
    return pairs


def print_json(records: list[dict[str, Any]]) -> None:
    """Print an array of records on stdout."""
    print(json.dumps(records, indent=2, allow_nan=False))


def print_table(rows: Rows, notes: list[str]) -> None:
    """Print notes and a table on stdout, as wide as the terminal."""
    from rich.console import Console

    from bench.table import draw

    # In a file or a pipe wrapping gains nothing, and on a narrow terminal no column may be lost.
    terminal = shutil.get_terminal_size().columns if sys.stdout.isatty() else UNBOUNDED
    console = Console(highlight=False, width=UNBOUNDED)
    for note in notes:
        console.print(note, markup=False)
    console.print(draw(rows, terminal))


def say(line: str) -> None:
    """Tell people something: a line on stderr."""
    print(line, file=sys.stderr)


def fail(line: str, code: int) -> int:
    """Tell people in one line what went wrong, and return the exit code."""
    say(f"bench: {' '.join(line.split())}")
    return code
