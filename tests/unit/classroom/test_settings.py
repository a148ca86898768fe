"""bench.classroom.settings: what a teacher sets, within limits, and what comes of it."""

import math

import pytest

from bench.classroom.refusal import Refusal
from bench.classroom.settings import RANGES, Settings, change, ranges, read, riding, scenario, texts
from bench.theory import bound


def refused(field: str, value: object) -> dict[str, object]:
    with pytest.raises(Refusal) as caught:
        change(Settings(), {field: value})
    return caught.value.message()


def test_texts_as_people_write_them() -> None:
    changed = change(
        Settings(),
        {"clients": "30", "origin_up": "8 Mbit/s", "latency": "0.25 s", "file_size": " 1 MiB "},
    )
    assert changed == Settings(clients=30, origin_up=1e6, latency=0.25, file_size=2**20)
    assert change(changed, texts(changed)) == changed


def test_numbers_in_the_codes_units() -> None:
    assert change(Settings(), {"peer_up": 2000, "riders": 3}).peer_up == 2000.0


@pytest.mark.parametrize(
    ("field", "value", "least", "most"),
    [
        ("clients", 100_000, "1", "200"),
        ("clients", 0, "1", "200"),
        ("peer_up", "-3 Mbit/s", "1 kbit/s", "100 Gbit/s"),
        ("origin_up", "unlimited", "1 kbit/s", "100 Gbit/s"),
        ("latency", "11 s", "0 s", "2 s"),
        ("file_size", "1 B", "64 KiB", "1 TiB"),
        ("riders", 21, "0", "20"),
        ("latency", math.nan, "0 s", "2 s"),
    ],
)
def test_out_of_range(field: str, value: object, least: str, most: str) -> None:
    message = refused(field, value)
    assert message == {
        "kind": "error",
        "key": "range",
        "field": field,
        "given": str(value),
        "least": least,
        "most": most,
    }


@pytest.mark.parametrize(
    ("field", "value", "example"),
    [
        ("clients", "many", "20"),
        ("clients", "2.5", "20"),
        ("clients", True, "20"),
        ("peer_up", "20", "20 Mbit/s"),
        ("file_size", "-", "100 MiB"),
        ("latency", "-x", "10 ms"),
        ("origin_up", None, "100 Mbit/s"),
    ],
)
def test_no_quantity(field: str, value: object, example: str) -> None:
    message = refused(field, value)
    assert message["key"] == "quantity"
    assert (message["field"], message["given"], message["example"]) == (field, str(value), example)


def test_no_setting() -> None:
    assert refused("speed", 3) == {
        "kind": "error",
        "key": "unknown",
        "reason": "no setting 'speed'",
    }


def test_a_refusal_is_a_line() -> None:
    with pytest.raises(Refusal, match=r"^speed: '0\.1'; expected 0\.25 to 1000\.0$"):
        read("speed", 0.1)
    assert read("speed", "1000") == 1000.0


def test_ranges_are_what_json_has() -> None:
    assert ranges().keys() == RANGES.keys()
    assert ranges()["latency"] == ["0 s", "2 s"]
    assert ranges()["clients"] == [1, 200]


def test_free_riders_are_evenly_spread() -> None:
    assert riding(Settings(clients=6, riders=3)) == [False, True] * 3
    assert sum(riding(Settings(clients=20, riders=7))) == 7
    played = scenario(Settings(clients=2, riders=1))
    assert played.peer_up == (2.5e6, 50e3)


@pytest.mark.parametrize("clients", [20, 49, 50, 200])
def test_a_larger_file_moves_less_and_has_the_same_times(clients: int) -> None:
    settings = Settings(clients=clients)
    played = scenario(settings)
    assert played.transfer_size == (4 if clients < 50 else 1) * 2**20
    assert played.piece_size == played.transfer_size / 64
    assert bound(played, "central", clients) == clients * 100 * 2**20 * 8 / 100e6


def test_a_small_file_moves_whole() -> None:
    played = scenario(change(Settings(), {"file_size": "100 KiB"}))
    assert (played.scale, played.piece_size) == (1.0, 2**14)
