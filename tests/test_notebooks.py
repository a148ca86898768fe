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
}
"""Runs of the notebooks, and what the tests run in their place."""

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


def check_output(notebook: Any) -> None:
    """Fail where a cell has an error or prints a warning, or nothing is run, listed or drawn."""
    for cell in code_cells(notebook):
        assert [output.output_type for output in cell.outputs if "data" not in output] == []
    pages = shown(notebook, "text/html")
    assert any("<table" in page for page in pages)
    assert any(re.search(r"</progress> (\d+)/\1 runs$", page) for page in pages)
    assert shown(notebook, "image/png")


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == ["01_first_run.ipynb"]


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
        for run, smaller in SMALLER.items():
            cell.source = cell.source.replace(run, smaller)
        assert cell.source.count("bench.run(") == sum(map(cell.source.count, SMALLER.values()))
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="python3", resources=where, timeout=120).execute()
    check_output(notebook)
    (folder,) = (tmp_path / "results").iterdir()
    assert (folder / "runs.parquet").is_file()
