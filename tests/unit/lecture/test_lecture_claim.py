"""bench.lecture.claim: settings as people give them, verdicts in words."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from claims_lab import CLAIM

from bench.lecture.claim import Data, SettingError, Verdict, fails, holds, holds_if
from bench.lecture.settings import Counts
from bench.lecture.stage import Stage


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({}, {}),
        ({"sizes": "3, 4,5"}, {"sizes": (3, 4, 5)}),
        ({"sizes": "3"}, {"sizes": (3,)}),
        ({"sizes": 3}, {"sizes": (3,)}),
        ({"sizes": [3, 4]}, {"sizes": (3, 4)}),
        ({"sizes": range(2)}, {"sizes": (0, 1)}),
        ({"word": "a,b", "most": "7"}, {"word": "a,b", "most": 7}),
    ],
)
def test_settings_are_read(given: dict[str, Any], changed: dict[str, Any]) -> None:
    assert CLAIM.read_settings(given) == {"sizes": (1, 2), "word": "a", "most": 9} | changed


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"size": 1}, "size: claim fake has no such setting; it has sizes, word, most"),
        ({"sizes": "3,x"}, "sizes: '3,x'; expected int, got str"),
        ({"sizes": ""}, "sizes: ''; expected int, got str"),
        ({"most": "many"}, "most: 'many'; expected int, got str"),
        ({"most": 1.5}, "most: 1.5; expected int, got float"),
    ],
)
def test_a_wrong_setting_is_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(SettingError) as refusal:
        CLAIM.read_settings(given)
    assert str(refusal.value) == line
    assert refusal.value.exit_code == 2


def test_bounds_and_choices_stand_in_the_annotations() -> None:
    def measure(
        stage: Stage,
        *,
        clients: Counts = (1,),
        ways: tuple[Literal["http", "tftp"], ...] = ("http",),
    ) -> Data:
        raise NotImplementedError

    claim = replace(CLAIM, measure=measure)
    assert claim.read_settings({"clients": 3, "ways": "tftp"}) == {
        "clients": (3,),
        "ways": ("tftp",),
    }
    for given, line in (
        ({"clients": "1,0"}, "clients: '1,0'; expected int >= 1"),
        ({"ways": "http,ftp"}, "ways: 'http,ftp'; expected some of http, tftp"),
    ):
        with pytest.raises(SettingError) as refusal:
            claim.read_settings(given)
        assert str(refusal.value) == line


def test_a_verdict_in_words() -> None:
    judgements = [holds("so"), holds_if("it rains", "so"), fails("so")]
    assert [str(one) for one in judgements] == ["holds", "holds, if it rains", "does not hold"]
    assert [one.verdict for one in judgements] == list(Verdict)
    assert [one.condition for one in judgements] == ["", "it rains", ""]


def test_the_defaults_are_not_changed_by_reading() -> None:
    CLAIM.read_settings({"most": 1})
    assert CLAIM.settings()["most"] == 9
