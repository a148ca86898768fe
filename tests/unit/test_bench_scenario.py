"""bench.scenario: TOML in, one clear line out when it is wrong."""

import math
from pathlib import Path

import pytest

from bench.catalogue import find, names
from bench.scenario import (
    Scenario,
    ScenarioError,
    dump,
    field_text,
    load,
    override,
    override_all,
)
from host.quantities import Rate, Size

SMALL = """
file_size = "1 MiB"
clients = [1, 2]
origin_up = "10 Mbit/s"
peer_up = "1 Mbit/s"
"""


def scenario(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "small.toml"
    path.write_text(text)
    return load(path)


def test_a_small_file_and_its_defaults(tmp_path: Path) -> None:
    small = scenario(tmp_path, SMALL)
    assert small == Scenario(
        name="small",
        file_size=Size(2**20),
        clients=(1, 2),
        origin_up=Rate(1.25e6),
        peer_up=(Rate(125_000),),
    )
    assert small.backends == ("central", "p2p")
    assert small.origin_down == math.inf
    assert small.peer_down == (math.inf,)
    assert (small.transfer_size, small.scale, small.seconds_per_unit) == (2**20, 1.0, 1.0)


def test_links_are_cycled_over_the_clients(tmp_path: Path) -> None:
    lines = 'peer_up = ["1 B/s", "2 B/s"]\npeer_down = ["5 B/s", "6 B/s", "7 B/s"]\n'
    small = scenario(tmp_path, SMALL.replace('peer_up = "1 Mbit/s"\n', lines))
    assert small.peer_ups(5) == [1, 2, 1, 2, 1]
    assert small.peer_downs(2) == [5, 6]


def test_a_large_file_is_scaled() -> None:
    homework = find("homework")
    assert homework.transfer_size == 4 * 2**20
    assert homework.scale == 15e9 / 8 / (4 * 2**20)
    whole = override(homework, "file_size", "1 MiB")
    assert (whole.transfer_size, whole.scale) == (2**20, 1.0)
    empty = override(homework, "file_size", "0")
    assert (empty.transfer_size, empty.scale) == (0, 1.0)


@pytest.mark.parametrize("name", names())
def test_dump_is_read_back_as_it_was(name: str, tmp_path: Path) -> None:
    found = find(name)
    assert scenario(tmp_path, dump(found)) == found


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            '"10 Mbit/s"',
            '"10 Mbits"',
            "origin_up: '10 Mbits' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'",
        ),
        (
            '"1 MiB"',
            "1048576",
            "file_size: '1048576' is not a size; expected e.g. '4 MiB' or '15 Gbit'",
        ),
        ('"1 MiB"', "true", "file_size: 'True' is not a size; expected e.g. '4 MiB' or '15 Gbit'"),
        ("[1, 2]", '[1, "two"]', "clients: 'two'; expected a whole number"),
        ("[1, 2]", "[0]", "clients: '0'; expected numbers from 1 to 60,000, each once"),
        ("[1, 2]", "[]", "clients: 'none'; expected numbers from 1 to 60,000, each once"),
        ("origin_up", "orgin_up", "orgin_up: no such field; did you mean origin_up?"),
        ('file_size = "1 MiB"\n', "", "file_size: missing; expected a size such as '4 MiB'"),
        (
            '"1 Mbit/s"',
            '["1 Mbit/s", "0 B/s"]',
            "peer_up: '1 Mbit/s, 0 B/s'; expected rates above 0",
        ),
        ("\nfile", '\nclock = "wall"\nfile', "clock: 'wall'; expected one of virtual, paced, real"),
        (
            "\nfile",
            '\nbackends = ["ftp"]\nfile',
            "backends: 'ftp'; expected some of central, p2p, each once",
        ),
        (
            "\nfile",
            '\ntransport = "ftp"\nfile',
            "transport: 'ftp'; expected one of http, http-close, socket, tftp",
        ),
        ("\nfile", "\nrepeats = 0\nfile", "repeats: '0'; expected 1 to 1,000"),
        ("\nfile", "\nrepeats = 1.5\nfile", "repeats: 1.5; expected a whole number"),
        ("\nfile", "\nspeed = nan\nfile", "speed: 'nan'; expected a number above 0"),
        (
            "\nfile",
            '\nname = "../up"\nfile',
            "name: '../up'; expected letters, digits, '-', '_' and '.'",
        ),
        ("\nfile", '\nmoved_size = "0 B"\nfile', "moved_size: '0 B'; expected a size above 0"),
    ],
)
def test_a_wrong_file_gets_one_line(old: str, new: str, line: str, tmp_path: Path) -> None:
    assert old in SMALL
    with pytest.raises(ScenarioError) as error:
        scenario(tmp_path, SMALL.replace(old, new))
    assert str(error.value) == f"{tmp_path / 'small.toml'}: {line}"


def test_a_far_off_field_is_told_what_there_is() -> None:
    with pytest.raises(ScenarioError, match=r"^zzz: no such field; the fields are name, title, "):
        override(find("quick"), "zzz", "1")


def test_what_is_no_scenario_file(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(ScenarioError) as error:
        load(missing)
    assert str(error.value) == f"{missing}: no such file or directory"
    for content in (b"= 5", b"\xff\xfe"):
        missing.write_bytes(content)
        with pytest.raises(ScenarioError, match="not a TOML file: "):
            load(missing)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("origin_up", "20 Mbit/s", "20 Mbit/s"),
        ("origin_up", 2.5e6, "20 Mbit/s"),
        ("origin_up", math.inf, "unlimited"),
        ("peer_up", "1 Mbit/s, 2 Mbit/s", "1 Mbit/s, 2 Mbit/s"),
        ("peer_up", [125_000, "2 Mbit/s"], "1 Mbit/s, 2 Mbit/s"),
        ("peer_up", 125_000, "1 Mbit/s"),
        ("file_size", 4096, "4 KiB"),
        ("latency", 0.02, "20 ms"),
        ("clients", "1,5,10", "1, 5, 10"),
        ("clients", range(1, 4), "1, 2, 3"),
        ("clients", 7, "7"),
        ("backends", "p2p", "p2p"),
        ("repeats", "3", "3"),
        ("speed", "2.5", "2.5"),
        ("clock", "paced", "paced"),
        ("moved_size", "64 KiB", "64 KiB"),
        ("moved_size", "none", "none"),
        ("moved_size", None, "none"),
        ("request_size", 65536, "64 KiB"),
        ("request_size", "none", "none"),
        ("transport", "tftp", "tftp"),
        ("transport", "http-close,socket", "http-close, socket"),
        ("transport", ("http", "tftp"), "http, tftp"),
        ("title", "a, b", "a, b"),
    ],
)
def test_override(field: str, value: object, text: str) -> None:
    changed = override(find("quick"), field, value)
    assert field_text(changed, field) == text
    assert override(find("quick"), field, text) == changed


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("clients", "1,x", "clients: 'x'; expected a whole number"),
        ("clients", "", "clients: ''; expected a whole number"),
        ("clients", "2,2", "clients: '2, 2'; expected numbers from 1 to 60,000, each once"),
        ("clients", 10**30, f"clients: '{10**30}'; expected numbers from 1 to 60,000, each once"),
        ("backends", "p2p,p2p", "backends: 'p2p, p2p'; expected some of central, p2p, each once"),
        ("transport", "http,", "transport: ''; expected one of http, http-close, socket, tftp"),
        (
            "transport",
            "tftp,tftp",
            "transport: 'tftp, tftp'; expected some of http, http-close, socket, tftp, each once",
        ),
        ("request_size", "0 B", "request_size: '0 B'; expected a size above 0"),
        ("repeats", 10**30, f"repeats: '{10**30}'; expected 1 to 1,000"),
        ("latency", "1e10 s", "latency: '10000000000 s'; expected a duration from 0 to 1e9 s"),
        ("join_every", 1e300, "join_every: '1e+300 s'; expected a duration from 0 to 1e9 s"),
        (
            "piece_size",
            "16383 B",
            "piece_size: '15.999 KiB'; expected a size from 16 KiB to 512 MiB",
        ),
        ("piece_size", "1 GiB", "piece_size: '1 GiB'; expected a size from 16 KiB to 512 MiB"),
        ("clients", [], "clients: 'none'; expected numbers from 1 to 60,000, each once"),
        ("seed", "-1", "seed: '-1'; expected 0 to 4294967295"),
        ("latency", "5", "latency: '5' is not a duration; expected e.g. '20 ms' or '1 h'"),
        (
            "latency",
            "unlimited",
            "latency: 'unlimited' is not a duration; expected e.g. '20 ms' or '1 h'",
        ),
        (
            "origin_up",
            math.nan,
            "origin_up: 'nan' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'",
        ),
        (
            "origin_up",
            -1,
            "origin_up: '-1 B/s' is not a rate; expected e.g. '10 Mbit/s' or '4 MiB/s'",
        ),
        (
            "file_size",
            math.inf,
            "file_size: 'inf' is not a size; expected e.g. '4 MiB' or '15 Gbit'",
        ),
    ],
)
def test_a_wrong_override_gets_one_line(field: str, value: object, line: str) -> None:
    with pytest.raises(ScenarioError) as error:
        override(find("quick"), field, value)
    assert str(error.value) == line


def test_overrides_are_checked_as_a_whole() -> None:
    changed = override_all(find("quick"), {"peer_up": "1 B/s", "clients": "2", "clock": "real"})
    assert (changed.peer_up, changed.clients, changed.clock) == ((1.0,), (2,), "real")
    assert changed.origin_up == find("quick").origin_up


def test_plain_numbers_in_a_scenario_are_dumped_as_quantities(tmp_path: Path) -> None:
    plain = Scenario(name="small", file_size=4096, clients=(1,), origin_up=125e3, peer_up=(125e3,))
    assert 'file_size = "4 KiB"\n' in dump(plain)
    assert scenario(tmp_path, dump(plain)) == plain


ROUND_TRIP = "expected a latency above 0, for TCP's model needs a round trip"
FEWER = "expected no loss where TFTP moves less than the file (moved_size), in fewer datagrams"
LOSSY = "change client-001 loss=1% at 3 s"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"loss": "2%"}, f"loss: '2%'; {ROUND_TRIP}"),
        (
            {"loss": "2%", "transport": "http,tftp", "backends": "central"},
            f"loss: '2%'; {ROUND_TRIP}",
        ),
        ({"loss": "2%", "transport": "tftp"}, f"loss: '2%'; {ROUND_TRIP}"),
        ({"faults": LOSSY}, f"faults: {LOSSY!r}: {ROUND_TRIP}"),
        (
            {"loss": "2%", "transport": "tftp", "backends": "central", "moved_size": "512 KiB"},
            f"loss: '2%'; {FEWER}",
        ),
        (
            {"faults": LOSSY, "transport": "tftp", "latency": "1 s", "moved_size": "512 KiB"},
            f"faults: {LOSSY!r}: {FEWER}",
        ),
    ],
)
def test_loss_that_no_model_is_for_is_refused(values: dict[str, str], line: str) -> None:
    with pytest.raises(ScenarioError) as error:
        override_all(find("quick"), values)
    assert str(error.value) == line


@pytest.mark.parametrize(
    "values",
    [
        {"loss": "2%", "transport": "tftp", "backends": "central"},
        {"loss": "2%", "transport": "tftp", "backends": "p2p", "latency": "1 s"},
        {"loss": "2%", "latency": "1 s", "moved_size": "512 KiB"},
        {"faults": "change client-001 latency=1 s at 3 s, change it loss=1% 1 s later"},
        {"faults": "change client-001 loss=0% at 3 s"},
    ],
)
def test_loss_that_some_model_is_for_is_taken(values: dict[str, str]) -> None:
    override_all(find("quick"), values)
