"""Puts two runs on the README: the textbook's figure with a table, and the transports' picture."""

import re
from collections.abc import Iterable
from pathlib import Path
from shutil import copy

import bench
from bench.results import Results
from bench.table import figure

README = Path("README.md")
DOCS = Path("docs")
PLACE = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
OF_EACH = ("{} (h)", "bound (h)", "efficiency", "origin sent")


def line(cells: Iterable[str]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |\n"


def table(results: Results) -> str:
    """Return a row for every N as Markdown: both backends, side by side."""
    cases = results.summary()
    heads = [head.format(name) for name in ("central", "P2P") for head in OF_EACH]
    rows = [line(["N", *heads]), line(["--:"] * 9)]
    for clients, pair in cases.groupby("clients"):
        cells = [str(clients)]
        for backend in ("central", "p2p"):
            case = pair[pair["backend"] == backend].iloc[0]
            cells += [
                figure(case["finish_s"] / 3600),
                figure(case["bound_s"] / 3600),
                figure(case["efficiency"], ".3f"),
                figure(case["origin_up_bytes"] / case["file_bytes"], ".2f") + " F",
            ]
        rows.append(line(cells))
    return "".join(rows)


def main() -> None:
    """Run, draw and write; to be started in the project's folder."""
    results = bench.run("kurose-ross", out="build/front-page")
    copy("build/front-page/distribution_time.png", DOCS)
    bench.run("transports", out="build/transports")
    copy("build/transports/transports.png", DOCS)
    text = README.read_text(encoding="utf-8")
    README.write_text(PLACE.sub(lambda _: table(results), text), encoding="utf-8")


if __name__ == "__main__":
    main()
