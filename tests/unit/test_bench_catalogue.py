"""bench.catalogue: the scenarios that come with the package."""

from pathlib import Path

import pytest

from bench.catalogue import FOLDER, find, names
from bench.scenario import ScenarioError


def test_what_there_is() -> None:
    assert names() == [
        "equal-uplinks",
        "flash-crowd",
        "homework",
        "kumar-ross",
        "kurose-ross",
        "loopback",
        "quick",
        "transports",
    ]


@pytest.mark.parametrize("name", names())
def test_every_scenario_says_what_it_is_and_where_it_is_from(name: str) -> None:
    scenario = find(name)
    assert scenario.name == name
    assert scenario.title
    assert scenario.source
    assert scenario == find(FOLDER / f"{name}.toml")


def test_the_textbooks_proportions() -> None:
    book = find("kurose-ross")
    assert book.origin_up == pytest.approx(10 * book.peer_up[0], rel=1e-15)
    assert book.file_size / book.peer_up[0] == pytest.approx(3600, rel=1e-15)
    assert book.piece_size is not None
    assert book.file_size / book.piece_size == 256
    assert book.request_size is not None
    assert book.file_size / book.request_size == 16
    equal = find("equal-uplinks")
    assert equal.peer_up == (equal.origin_up,)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(ScenarioError) as error:
        find("kurose")
    assert str(error.value) == (
        "kurose: no such scenario; expected a .toml file or one of equal-uplinks, flash-crowd, "
        "homework, kumar-ross, kurose-ross, loopback, quick, transports"
    )
    with pytest.raises(ScenarioError, match="no such file"):
        find(Path("kurose"))
