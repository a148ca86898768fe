"""bench.results: frames of the same shape whatever ran, saved and loaded as they were."""

from pathlib import Path

import matplotlib.axes
import pandas as pd
import pytest
from bench_fakes import result_of

import bench.plots
from bench.catalogue import find
from bench.plots import PICTURES
from bench.results import COLUMNS, KEY, Results, ResultsError, collect, load, results_folder
from bench.scenario import Scenario, override_all
from bench.sweep import trials

FRAMES = ("runs", "nodes", "samples", "edges")


def results(sweep: dict[str, str] | None = None, **fields: object) -> Results:
    scenario = override_all(find("quick"), {"clients": "1,2", "repeats": 3} | fields)
    plan = trials(scenario, sweep)
    swept = plan[0].swept
    finished = [(trial, result_of(trial)) for trial in plan]
    return collect(scenario, {"sweep": dict.fromkeys(swept)}, finished, swept)


def test_columns() -> None:
    whole = results()
    for name in FRAMES:
        frame = getattr(whole, name)
        assert list(frame.columns) == [*KEY, *COLUMNS[name]]
    assert len(whole.runs) == 12
    assert len(whole.nodes) == 3 * 2 * (2 + 3)
    assert whole.nodes.finish_s.isna().equals(whole.nodes.role == "origin")
    assert whole.swept == []


def test_swept_columns_come_first() -> None:
    whole = results({"peer_up": "1 Mbit/s,2 Mbit/s", "clients": "1,2"})
    assert whole.swept == ["peer_up"]
    for name in FRAMES:
        assert list(getattr(whole, name).columns) == ["peer_up", *KEY, *COLUMNS[name]]
    assert list(whole.runs.peer_up.unique()) == ["1 Mbit/s", "2 Mbit/s"]
    assert whole.runs.clients.dtype == "int64"


def test_frames_without_rows_have_the_same_columns_and_types() -> None:
    whole, empty = results(), collect(find("quick"), {}, [])
    for name in FRAMES:
        assert len(getattr(empty, name)) == 0
        assert list(getattr(empty, name).dtypes) == list(getattr(whole, name).dtypes)
    assert empty.records() == []
    assert len(empty.summary()) == 0


def test_a_result_that_lacks_a_column_is_an_error() -> None:
    trial = trials(find("quick"))[0]
    result = result_of(trial)
    del result.run["finish_s"]
    with pytest.raises(KeyError, match="finish_s"):
        collect(find("quick"), {}, [(trial, result)])


def test_summary_has_medians_and_the_spread() -> None:
    summary = results({"peer_up": "1 MiB/min,2 MiB/min"}).summary()
    assert list(summary.peer_up) == ["1 MiB/min"] * 4 + ["2 MiB/min"] * 4
    assert list(summary.backend) == ["central", "central", "p2p", "p2p"] * 2
    assert list(summary.clients) == [1, 2] * 4
    assert list(summary.runs) == [3] * 8
    first = summary.iloc[0]
    # Twice the bound of 6 s, and a second more for each repeat.
    assert (first.finish_s_min, first.finish_s, first.finish_s_max) == (12.0, 13.0, 14.0)
    assert first.clock == "virtual"


def test_the_clock_can_be_swept() -> None:
    summary = results({"clock": "virtual,paced"}).summary()
    assert list(summary.clock) == ["virtual"] * 4 + ["paced"] * 4


def test_no_column_has_the_name_of_a_field_that_can_be_swept() -> None:
    """It would hold the swept value, not what was measured."""
    fields = {*Scenario.__struct_fields__} - {"clock", "name", "title", "source"}
    assert [column for columns in COLUMNS.values() for column in columns if column in fields] == []


def test_a_backend_that_a_swept_field_does_not_matter_to_has_a_row_of_its_own() -> None:
    whole = results(transport="http,tftp", clients=2)
    assert whole.runs.columns[0] == "transport"
    summary = whole.summary()
    assert list(zip(summary.transport, summary.backend, strict=True)) == [
        ("http", "central"),
        ("tftp", "central"),
        ("-", "p2p"),
    ]


def test_records_have_none_for_what_json_has_no_number_for() -> None:
    records = results(file_size=0).records()
    assert len(records) == 12
    assert list(records[0]) == [*KEY, *COLUMNS["runs"]]
    assert records[0]["efficiency"] is None
    assert records[0]["origin_up_bytes"] == 0
    assert {type(value) for value in records[0].values()} == {str, int, float, type(None)}


def test_saved_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.plots, "draw_all", lambda results, folder: None)
    monkeypatch.chdir(tmp_path)
    mine = results()
    folder = mine.save()
    assert folder.parent == Path("results")
    assert folder.name.startswith("quick-")
    assert mine.save() == folder
    assert len(load(folder).runs) == len(mine.runs)


def test_saved_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Path] = []
    monkeypatch.setattr(bench.plots, "draw_all", lambda results, folder: drawn.append(folder))
    whole = results({"peer_up": "1 Mbit/s,2 Mbit/s"})
    assert whole.save(tmp_path / "deep" / "folder") == tmp_path / "deep" / "folder"
    assert drawn == [tmp_path / "deep" / "folder"]
    again = load(str(tmp_path / "deep" / "folder"))
    assert (again.scenario, again.meta) == (whole.scenario, whole.meta)
    assert again.path == whole.path == tmp_path / "deep" / "folder"
    for name in FRAMES:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(whole, name))
    names = sorted(path.name for path in (tmp_path / "deep" / "folder").iterdir())
    assert names == [
        "edges.parquet",
        "faults.parquet",
        "meta.json",
        "nodes.parquet",
        "pieces.parquet",
        "runs.parquet",
        "samples.parquet",
        "scenario.toml",
    ]


def test_no_pictures_where_none_are_wanted_or_nothing_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(bench.plots, "draw_all")
    results().save(tmp_path, pictures=False)
    collect(find("quick"), {}, []).save(tmp_path)
    assert len(load(tmp_path).runs) == 0


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(ResultsError) as error:
        load(tmp_path)
    expected = "expected a folder that `bench run` left"
    assert str(error.value) == f"{tmp_path}: {expected}; there is no meta.json"
    results().save(tmp_path, pictures=False)
    (tmp_path / "nodes.parquet").unlink()
    with pytest.raises(ResultsError) as error:
        load(tmp_path)
    assert str(error.value) == f"{tmp_path}: {expected}; there is no nodes.parquet"
    (tmp_path / "nodes.parquet").write_bytes(b"not parquet")
    with pytest.raises(ResultsError, match="that `bench run` left; "):
        load(tmp_path)
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(ResultsError, match="that `bench run` left; Expecting property name"):
        load(tmp_path)


@pytest.mark.parametrize("meta", ["[]", "3", '{"sweep": []}'])
def test_a_meta_that_says_something_else(tmp_path: Path, meta: str) -> None:
    results().save(tmp_path, pictures=False)
    (tmp_path / "meta.json").write_text(meta)
    with pytest.raises(ResultsError, match=r"`bench run` left; meta\.json holds something else$"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("frame", "column"), [("runs", "finish_s"), ("edges", "backend"), ("samples", "peer_up")]
)
def test_a_frame_without_a_column(tmp_path: Path, frame: str, column: str) -> None:
    whole = results({"peer_up": "1 Mbit/s,2 Mbit/s"})
    setattr(whole, frame, getattr(whole, frame).drop(columns=column))
    whole.save(tmp_path, pictures=False)
    with pytest.raises(ResultsError) as error:
        load(tmp_path)
    assert str(error.value).endswith(f"left; {frame}.parquet has no column {column}")


def test_old_pictures_never_stand_beside_new_frames(tmp_path: Path) -> None:
    old = [tmp_path / f"{name}.{suffix}" for name in PICTURES for suffix in ("png", "svg")]
    for picture in [*old, tmp_path / "mine.png"]:
        picture.touch()
    results().save(tmp_path, pictures=False)
    assert not [picture for picture in old if picture.exists()]
    assert (tmp_path / "mine.png").exists()


@pytest.mark.parametrize(
    ("file", "claim", "other"), [("finding.json", False, "claim"), ("meta.json", True, "run")]
)
def test_results_of_another_kind_are_not_mixed_with(
    file: str, claim: bool, other: str, tmp_path: Path
) -> None:
    assert results_folder(tmp_path, "any", claim=claim) == tmp_path
    (tmp_path / file).touch()
    assert results_folder(tmp_path, "any", claim=not claim) == tmp_path
    with pytest.raises(ResultsError, match=f"holds the results of a {other}; expected another"):
        results_folder(tmp_path, "any", claim=claim)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError) as error:
        results().save(tmp_path / "file")
    assert str(error.value) == f"{tmp_path / 'file'}: cannot be made: File exists"


def test_plot_draws_pictures_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(
        bench.plots, "PICTURES", {"load": lambda *args, **more: calls.append((*args, more))}
    )
    whole = results()
    assert dir(whole.plot) == ["load"]
    whole.plot.load(ax=None)
    assert calls == [(whole, {"ax": None})]
    with pytest.raises(AttributeError, match=r"^no picture lod; there are load$"):
        _ = whole.plot.lod


def test_the_pictures_of_the_package_can_be_drawn() -> None:
    whole = results()
    for name in dir(whole.plot):
        assert isinstance(getattr(whole.plot, name)(), matplotlib.axes.Axes)


def test_in_a_terminal_it_names_itself(tmp_path: Path) -> None:
    whole = results()
    assert repr(whole) == "<Results: quick, 12 runs, not saved>"
    whole.path = Path("here")
    assert repr(whole) == "<Results: quick, 12 runs, here>"


def test_html_says_what_it_is_and_how_it_was_scaled() -> None:
    page = results(title="A < B", moved_size="64 KiB")._repr_html_()
    assert "<p>A &lt; B</p><p>moved 64 KiB of 1 MiB over links slowed 16 times</p>" in page
    assert page.count("<tr>") == 1 + 4
