"""A claim that measures nothing in no time, and what every claim must be able to do."""

import io
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from bench.lecture.claim import Claim, Data, Judgement, fails, holds, holds_if
from bench.lecture.finding import Finding, load_finding
from bench.lecture.stage import Stage
from bench.table import Rows

Row = dict[str, Any]


def measure(
    stage: Stage, *, sizes: tuple[int, ...] = (1, 2), word: str = "a", most: int = 9
) -> Data:
    return {"sizes": DataFrame({"size": sizes, "word": word, "most": most})}


def judge(data: Data) -> Judgement:
    sizes = data["sizes"]
    because = f"The largest of {len(sizes)} is {sizes['size'].max()} < 10 & more."
    if (sizes["size"] > sizes["most"]).any():
        return fails(because)
    return holds_if("it is <even>", because) if (sizes["size"] % 2 == 0).all() else holds(because)


def draw(data: Data, ax: Axes) -> None:
    ax.plot(data["sizes"]["size"])
    ax.set_title(f"{len(data['sizes'])} sizes", loc="left")


def tabulate(data: Data) -> Rows:
    rows = data["sizes"].to_dict("records")
    return ["size", "<word>"], [[str(row["size"]), str(row["word"])] for row in rows]


CLAIM = Claim(
    name="fake",
    place=3,
    english='Sizes are "small" & <few>.',
    korean="크기는 작다.",
    hypothesis="None is larger than most.",
    method="Nothing is measured.",
    measure=measure,
    judge=judge,
    draw=draw,
    tabulate=tabulate,
)

FILE = """
from dataclasses import replace

import claims_lab

CLAIM = replace(claims_lab.CLAIM, name={name!r}, place={place})
{more}
"""
"""A file that makes it a claim of the folder."""


def claim_file(folder: Path, name: str, place: int = 1, more: str = "") -> None:
    """Write the fake as the claim `name` into a folder of claims."""
    text = FILE.format(name=name, place=place, more=textwrap.dedent(more))
    folder.joinpath(f"{name.replace('-', '_')}.py").write_text(text, encoding="utf-8")


def found(claim: Claim = CLAIM, **settings: Any) -> Finding:
    """The finding of the fake, with data of some settings."""
    chosen = claim.read_settings(settings)
    return Finding(claim, measure(Stage(), **chosen), {"settings": chosen, "wall_s": 1.25})


def named(name: str, place: int = 1) -> Claim:
    """The fake by another name."""
    return replace(CLAIM, name=name, place=place)


def shown(claim: Claim, data: Data) -> tuple[list[str], list[list[str]], Axes]:
    """Tabulate data and draw them, down to the file; return heads, rows and axes."""
    heads, rows = claim.tabulate(data)
    assert [len(row) for row in rows] == [len(heads)] * len(rows)
    assert {type(text) for row in [heads, *rows] for text in row} == {str}
    figure = Figure()
    ax = figure.subplots()
    claim.draw(data, ax)
    figure.savefig(io.BytesIO(), format="svg")
    return heads, rows, ax


def kept(claim: Claim, data: Data, folder: Path) -> Finding:
    """Save data to a folder and read them again: the verdict and the table must be the same."""
    finding = Finding(claim, data)
    finding.save(folder)
    again = load_finding(folder)
    assert again.judgement == finding.judgement
    assert again.rows() == finding.rows()
    return again


def echo(case: Mapping[str, Any], directory: Path) -> dict[str, list[Row]]:
    """A play: what it was given, and whether its folder was empty."""
    empty = not list(directory.iterdir())
    (directory / "left").touch()
    return {"echo": [{"twice": 2 * case["number"], "listed": len(case["list"]), "empty": empty}]}


async def echo_later(case: Mapping[str, Any], directory: Path) -> dict[str, list[Row]]:
    """A play under the clock of its loop."""
    import asyncio

    begin = asyncio.get_running_loop().time()
    await asyncio.sleep(case["sleep_s"])
    return {"times": [{"took_s": asyncio.get_running_loop().time() - begin}]}


def numpy_figure(case: Mapping[str, Any], directory: Path) -> dict[str, list[Row]]:
    """A play whose rows cannot be sent."""
    import numpy as np

    return {"rows": [{"figure": np.float64(1.5)}]}
