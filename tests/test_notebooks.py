"""Every notebook runs, shows what it says, and is kept with its output."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
SMALLER = {
    'bench.run("kurose-ross")': 'bench.run("kurose-ross", clients=[1, 5], file_size="4 MiB")',
    'bench.run("kurose-ross", clients=[1, 5, 15, 30])': (
        'bench.run("kurose-ross", clients=[1, 4], file_size="1 MiB")'
    ),
    "clients=30,": "clients=5,",
    "clients=20,": "clients=4,",
    'file_size="4 MiB"': 'file_size="1 MiB"',
    '{"connections": [5, 10, 30]}': '{"connections": [10, 30]}',
    '"kill origin at 5%", "kill origin at 15%", "kill origin at 30%"': '"kill origin at 30%"',
    'session="10 min", absence="5 min"': 'session="2 min", absence="1 min"',
    "bench.run(village)": 'bench.run(village, clients=[2, 4], file_size="512 KiB")',
    "bench.run(village, clients=[4, 16],": (
        'bench.run(village, clients=[2, 4], file_size="512 KiB",'
    ),
    'bench.run(village, backend="p2p", clients=16,': (
        'bench.run(village, backend="p2p", clients=4, file_size="512 KiB",'
    ),
    "repeats=5": "repeats=2",
    'out="results/two-slots"': "out=False",
    'out="results/four-slots"': "out=False",
    'out="results/few-connections"': "out=False",
    "bench.arun(village, clients=[4, 8])": (
        'bench.arun(village, clients=[2, 4], file_size="512 KiB")'
    ),
    "bench.arun(live.scenario": "bench.arun(live.scenario, clients=3",
}
"""What the notebooks run, and what the tests run in its place."""

RUN = re.compile(r"\bbench\.a?run\(")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: Any, kind: str) -> list[str]:
    """Return what the outputs of a notebook have of a kind, such as text/html."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def imported(source: str) -> set[str]:
    """Return the modules that a cell imports."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def smaller(source: str) -> str:
    """Return a cell with smaller runs. Fails where a run stays as it is."""
    shorter = source
    for run, in_its_place in SMALLER.items():
        shorter = shorter.replace(run, in_its_place)
    assert shorter != source or not RUN.search(source), source
    return shorter


def check_output(notebook: Any) -> None:
    """Fail where a cell has an error or prints a warning, or nothing is run, listed or drawn."""
    for cell in code_cells(notebook):
        assert [output for output in cell.outputs if "data" not in output] == []
    pages = shown(notebook, "text/html")
    assert any("<table" in page for page in pages)
    ended = [page for page in pages if re.search(r"</progress> (\d+)/\1 runs$", page)]
    assert len(ended) == sum(len(RUN.findall(cell.source)) for cell in code_cells(notebook))
    assert shown(notebook, "image/png")


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "01_first_run",
        "02_theory_and_measurement",
        "03_who_carries_the_load",
        "04_faults_and_churn",
        "05_sockets",
        "06_your_own_experiment",
        "07_live",
    ]


@every_notebook
def test_a_notebook_imports_only_bench(path: Path) -> None:
    cells = code_cells(nbformat.read(path, as_version=4))
    assert set().union(*(imported(cell.source) for cell in cells)) == {"bench"}


@every_notebook
def test_a_notebook_is_kept_with_its_output_and_small(path: Path) -> None:
    check_output(nbformat.read(path, as_version=4))
    assert path.stat().st_size < 300_000
    assert str(Path.home()) not in path.read_text(encoding="utf-8")


@every_notebook
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    for cell in code_cells(notebook):
        cell.outputs = []
        cell.source = smaller(cell.source)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="python3", resources=where, timeout=120).execute()
    check_output(notebook)
    runs = sum(len(RUN.findall(cell.source)) for cell in code_cells(notebook))
    unsaved = sum(cell.source.count("out=False") for cell in code_cells(notebook))
    assert len(list(tmp_path.glob("results/*/runs.parquet"))) == runs - unsaved
