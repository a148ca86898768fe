"""bench.progress: a bar on a terminal."""

import io

import pytest
from bench_fakes import result_of
from rich.console import Console
from rich.progress import Progress

from bench.catalogue import find
from bench.progress import Bar, Cell, Watch, watch
from bench.scenario import override_all
from bench.sweep import trials


def test_the_bar_advances_by_the_bytes_delivered() -> None:
    plan = trials(override_all(find("quick"), {"clients": "1,3", "backends": "p2p"}))
    with Progress(console=Console(file=io.StringIO(), force_terminal=True)) as progress:
        bar = Bar(plan, progress)
        task = progress.tasks[0]
        assert (task.total, task.completed) == (4 * 2**20, 0)
        bar.progress(1, 0.5)
        assert task.completed == 1.5 * 2**20
        assert task.description == "0/2 runs  p2p, N = 3, seed 1"
        bar.done(0, result_of(plan[0]))
        assert task.completed == 2.5 * 2**20
        bar.done(1, result_of(plan[1]))
        assert task.finished
        assert task.description == "2/2 runs"


def test_empty_files_have_a_bar_too() -> None:
    plan = trials(override_all(find("quick"), {"file_size": 0}))
    with Progress(console=Console(file=io.StringIO(), force_terminal=True)) as progress:
        Bar(plan, progress).done(0, result_of(plan[0]))
        assert progress.tasks[0].completed == 0


def test_nothing_is_shown_where_it_is_not_wanted() -> None:
    with watch([], shown=False) as watcher:
        assert type(watcher) is Watch


def test_a_notebook_has_a_bar_that_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    class Handle:
        def update(self, cell: Cell) -> None:
            drawn.append(cell._repr_html_())

    monkeypatch.setattr("IPython.display.display", lambda cell, display_id: Handle())
    plan = trials(override_all(find("quick"), {"clients": "1,3", "backends": "p2p"}))
    cell = Cell(plan)
    cell.progress(1, 0.5)
    cell.done(0, result_of(plan[0]))
    assert drawn == [
        '<progress value="0" max="4194304"></progress> 0/2 runs  p2p, N = 1, seed 1',
        '<progress value="1572864" max="4194304"></progress> 0/2 runs  p2p, N = 3, seed 1',
        '<progress value="2621440" max="4194304"></progress> 1/2 runs  p2p, N = 1, seed 1',
    ]
    assert repr(cell) == "1/2 runs  p2p, N = 1, seed 1"
