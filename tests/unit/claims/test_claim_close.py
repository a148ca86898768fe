"""The claim `close`: every verdict from frames made by hand, and what this system really keeps."""

import math
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.close import CLAIM, LABELS
from bench.lecture import after_close, ways_to_close
from bench.lecture.after_close import timer_s
from bench.lecture.claim import Data, Judgement, SettingError, Verdict
from bench.lecture.socket_table import socket_table
from bench.lecture.stage import Stage
from bench.lecture.ways_to_close import WAYS

NAN = float("nan")


def end(way: str, state: str = "", **changes: Any) -> dict[str, Any]:
    usual = {"end": "server", "closed": True, "descriptor": False, "kept_s": NAN}
    return {"way": way, "state": state} | usual | changes


def bind(error: str = "", before: bool = False, after: bool = False) -> dict[str, Any]:
    return {"way": "server first", "reuse_before": before, "reuse_after": after, "error": error}


def judged(*ends: dict[str, Any], binds: tuple[dict[str, Any], ...] = (bind(),)) -> Judgement:
    return CLAIM.judge({"ends": pd.DataFrame(ends), "binds": pd.DataFrame(binds)})


def test_an_end_of_which_nothing_is_left_bears_the_sentence_out() -> None:
    judgement = judged(end("server first"), end("one end only", "CLOSE_WAIT", closed=False))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == "Every descriptor is gone at once; the last close leaves nothing."


def test_another_descriptor_that_keeps_the_socket_is_a_condition() -> None:
    judgement = judged(end("server first"), end("duplicate", "ESTABLISHED"))
    assert str(judgement) == "holds, if no other descriptor of the socket is open"
    assert "duplicate: still ESTABLISHED" in judgement.because


def test_an_end_that_waits_for_the_other_is_a_condition() -> None:
    judgement = judged(end("one end only", "FIN_WAIT2"), end("other process", "ESTABLISHED"))
    assert str(judgement) == (
        "holds, if no other descriptor of the socket is open and the other end closes too"
    )


def test_what_is_left_when_both_ends_have_closed_refutes_it() -> None:
    judgement = judged(end("server first", "TIME_WAIT", kept_s=59.9))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == (
        "Every descriptor is gone at once; yet TIME_WAIT for 59.9 s is left of server "
        "(server first)."
    )


def test_a_descriptor_that_stays_refutes_it() -> None:
    judgement = judged(end("server first", descriptor=True))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == "1 descriptor was there after close."


def test_a_port_that_cannot_be_bound_is_told_with_what_helps() -> None:
    left = end("server first", "TIME_WAIT")
    refused = (bind("EADDRINUSE"), bind("EADDRINUSE", after=True))
    because = judged(left, binds=refused).because
    assert "port fails 2 of 2 times (EADDRINUSE, server first)." in because
    both = bind(before=True, after=True)
    because = judged(left, binds=(*refused, both)).because
    assert "2 of 3 times (EADDRINUSE, server first), not where SO_REUSEADDR was set" in because


@pytest.fixture(scope="module")
def closed() -> Data:
    return CLAIM.measure(Stage())


@pytest.mark.skipif(sys.platform != "linux", reason="the states are those of Linux")
def test_each_way_to_close_leaves_what_the_rfc_says(closed: Data) -> None:
    ends = closed["ends"].set_index(["way", "end"])
    found = {way: tuple(ends.loc[way].loc[["client", "server"], "state"]) for way in WAYS}
    assert found == {
        "server first": ("", "TIME_WAIT"),
        "client first": ("TIME_WAIT", ""),
        "one end only": ("CLOSE_WAIT", "FIN_WAIT2"),
        "unread data": ("", ""),
        "linger zero": ("", ""),
        "unsent data": ("TIME_WAIT", ""),
        "duplicate": ("ESTABLISHED", "ESTABLISHED"),
        "other process": ("ESTABLISHED", "ESTABLISHED"),
        "shutdown duplicate": ("CLOSE_WAIT", "FIN_WAIT2"),
        "shutdown only": ("CLOSE_WAIT", "FIN_WAIT2"),
    }
    heard = ends["heard"].groupby("way").first()
    assert heard["unread data"] == heard["linger zero"] == "ECONNRESET"
    assert heard["duplicate"] == heard["other process"] == "nothing"
    assert heard["server first"] == "end"
    assert heard["shutdown only"] == "end, then 5 B the other way"
    state, read = heard["unsent data"].split(", then ")
    assert state == "FIN_WAIT1"
    assert len(set(read.removesuffix(" B").split(" of "))) == 1
    assert ends.loc[("other process", "server"), "owner"] == "another process"
    waiting = ends[ends["state"] == "TIME_WAIT"]
    # Linux has a minute for it, whatever the time that reading the whole table takes.
    assert list(waiting["kept_s"]) == pytest.approx([60.0] * 3, abs=0.1)


@pytest.mark.skipif(sys.platform != "linux", reason="the timer is that of Linux")
def test_a_slow_look_at_the_table_does_not_shorten_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def slow(*args: Any, **kwargs: Any) -> list[Any]:
        time.sleep(0.3)
        return socket_table(*args, **kwargs)

    monkeypatch.setattr(ways_to_close, "socket_table", slow)
    monkeypatch.setattr(after_close, "WAYS", {"server first": WAYS["server first"]})
    monkeypatch.setattr(after_close, "_binds", lambda block: [])
    _, server = after_close.close_all_ways({"watch_s": 0.0}, tmp_path)["ends"]
    assert server["kept_s"] == pytest.approx(60.0, abs=0.1)


@pytest.mark.parametrize("wrong", ["-1", "nan", "1e9", "long"])
def test_a_setting_that_cannot_be_is_refused_in_a_line(wrong: str) -> None:
    with pytest.raises(SettingError, match=r"^watch_s: .*; expected float"):
        CLAIM.read_settings({"watch_s": wrong})


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other rules")
def test_a_port_in_time_wait_needs_the_option_before_and_after(closed: Data) -> None:
    binds = closed["binds"]
    refused = binds[binds["error"] == "EADDRINUSE"]
    keys = ["way", "reuse_before", "reuse_after"]
    assert list(refused[keys].itertuples(index=False, name=None)) == [
        ("server first", False, False),
        ("server first", False, True),
        ("server first", True, False),
    ]
    assert len(binds) == 12


def test_a_descriptor_is_open_where_nobody_closed_it(closed: Data) -> None:
    ends = closed["ends"]
    assert list(ends["descriptor"]) == list(~ends["closed"])


def test_what_was_found_is_judged_drawn_and_tabulated(closed: Data) -> None:
    heads, rows = CLAIM.tabulate(closed)
    assert {len(row) for row in rows} == {len(heads)}
    assert len(rows) == 2 * len(LABELS) + 12
    ax = Figure().subplots()
    CLAIM.draw(closed, ax)
    assert ax.get_title(loc="left").startswith("After close()")
    assert len(ax.patches) == 2 * len(LABELS)


def test_every_way_has_its_label() -> None:
    assert LABELS.keys() == WAYS.keys()


def test_a_socket_that_is_not_connected_has_no_timer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert math.isnan(timer_s(listener.getsockname()))
