"""bench.classroom.asking: what a page may ask, and that nothing else is taken for it."""

from typing import Any

import pytest

from bench.classroom import asking
from bench.classroom.refusal import Refusal

ALL: list[tuple[str, asking.Question]] = [
    ('{"do":"join"}', asking.Join()),
    ('{"do":"join","token":null}', asking.Join()),
    ('{"do":"join","token":"abc"}', asking.Join("abc")),
    ('{"do":"take"}', asking.Take()),
    ('{"do":"start"}', asking.Start()),
    ('{"do":"pause"}', asking.Pause()),
    ('{"do":"step"}', asking.Step()),
    ('{"do":"reset"}', asking.Reset()),
    ('{"do":"speed","speed":5}', asking.Speed(5)),
    ('{"do":"set","settings":{"clients":"9","seed":2}}', asking.Set({"clients": "9", "seed": 2})),
    ('{"do":"lesson","lesson":"load"}', asking.Lesson("load")),
    ('{"do":"lesson","lesson":null}', asking.Lesson(None)),
    ('{"do":"kill","who":3}', asking.Kill(3)),
    ('{"do":"revive","who":3}', asking.Revive(3)),
    ('{"do":"cut","who":3}', asking.Cut(3)),
    ('{"do":"slow","who":3}', asking.Slow(3)),
    ('{"do":"restore","who":3}', asking.Restore(3)),
    ('{"do":"random"}', asking.Random()),
    ('{"do":"add"}', asking.Add(10)),
    ('{"do":"add","count":2}', asking.Add(2)),
]


@pytest.mark.parametrize(("text", "question"), ALL)
def test_what_may_be_asked(text: str, question: asking.Question) -> None:
    assert asking.read(text) == question
    assert asking.read(text.encode()) == question


def test_an_object_is_read_as_its_text_is() -> None:
    assert asking.read({"do": "kill", "who": 3}) == asking.Kill(3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "start",
        "null",
        "[]",
        "{}",
        '{"do":null}',
        '{"do":"act","who":1}',
        '{"do":"asked"}',
        '{"do":"Start"}',
        '{"do":"start"',
        '{"do":"start"}{"do":"start"}',
        '{"do":"start","who":1}',
        '{"do":"join","token":5}',
        '{"do":"join","token":"\\ud800"}',
        '{"do":"speed"}',
        '{"do":"speed","speed":"5"}',
        '{"do":"speed","speed":NaN}',
        '{"do":"speed","speed":1e400}',
        '{"do":"set","settings":[]}',
        '{"do":"kill"}',
        '{"do":"kill","who":null}',
        '{"do":"kill","who":true}',
        '{"do":"kill","who":1.5}',
        '{"do":"lesson"}',
        b"\xff\xfe",
        b'{"do":"join","token":"\xff"}',
    ],
)
def test_what_is_none_of_it_is_refused(text: str | bytes) -> None:
    with pytest.raises(Refusal) as refused:
        asking.read(text)
    assert refused.value.key == "unknown"


@pytest.mark.parametrize("given", [{}, {"do": 5}, {"do": "kill", "who": "3"}, {5: 6}])
def test_an_object_that_is_none_of_it_is_refused(given: dict[Any, Any]) -> None:
    with pytest.raises(Refusal):
        asking.read(given)


def test_what_is_too_long_is_refused_unread() -> None:
    text = '{"do":"join","token":"' + "x" * asking.LONGEST + '"}'
    with pytest.raises(Refusal, match="expected at most 4096 bytes"):
        asking.read(text)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep = '{"do":"set","settings":{"clients":' + "[" * 1900 + "]" * 1900 + "}}"
    with pytest.raises(Refusal) as refused:
        asking.read(deep)
    assert refused.value.key == "unknown"
