"""The claim `tcp-udp`: every verdict from frames made by hand, and one file over lossy paths."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.tcp_udp import CLAIM
from bench.lecture.claim import Data, Judgement, SettingError, Verdict
from bench.lecture.lossy_transfer import socket_types
from bench.lecture.stage import Stage
from host.loss import padhye

SIZE, RATE, LATENCY_S = 128 * 1024, 1.25e6, 0.01


def moved(transport: str, loss: float, **changes: Any) -> dict[str, Any]:
    usual = {"latency_s": 0.05, "finish_s": 2.0, "whole": True, "origin_bytes": 1000}
    resent = {"lost": 3, "again": 7} if loss and transport == "tftp" else {"lost": 0, "again": 0}
    return {"transport": transport, "loss": loss} | usual | resent | changes


def judged(
    *changed: dict[str, Any],
    made: tuple[str, ...] = (),
    barred: tuple[str, ...] = (),
    recvs: tuple[int, int] = (1, 3),
) -> Judgement:
    """`recvs`: of three messages over TCP, and over UDP."""
    usual = [moved(transport, loss) for transport in ("http", "tftp") for loss in (0.0, 0.1)]
    given = {(row["transport"], row["loss"]): row for row in (*usual, *changed)}
    kinds = ("SOCK_STREAM", "SOCK_DGRAM", *made)
    types = [{"type": kind, "made": kind, "error": ""} for kind in kinds]
    types += [{"type": kind, "made": "", "error": "EPERM"} for kind in barred]
    types += [{"type": "SOCK_RDM", "made": "", "error": "ESOCKTNOSUPPORT"}]
    pieces = [
        {"protocol": protocol, "recv": recv}
        for protocol, count in zip(("tcp", "udp"), recvs, strict=True)
        for recv in range(count)
    ]
    sends = [{"protocol": protocol} for protocol in ("tcp", "udp") for _ in range(3)]
    frames = {"transfers": given.values(), "types": types, "pieces": pieces, "sends": sends}
    return CLAIM.judge({name: pd.DataFrame(rows) for name, rows in frames.items()})


def test_two_types_that_differ_in_who_sends_again_bear_it_out() -> None:
    judgement = judged(moved("tftp", 0.1, finish_s=3.0))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "3 sends arrive in 1 recv over TCP and 3 over UDP; "
        "a stream's program sends each byte once, a datagram's sent 7 again after 3 were lost; "
        "the price is time (TFTP has no congestion control): "
        "2 s by UDP, 2 s by TCP at 0% loss, round trip 100 ms; "
        "3 s by UDP, 2 s by TCP (model) at 10% loss, round trip 100 ms."
    )


@pytest.mark.parametrize("kind", ["made", "barred"])
def test_a_third_type_is_a_condition_also_where_it_is_not_permitted(kind: str) -> None:
    assert str(judged(made=("SOCK_SEQPACKET",))) == (
        "holds, if SOCK_SEQPACKET, which this system has too, is left out"
    )
    raw: dict[str, Any] = {kind: ("SOCK_RAW",)}
    assert str(judged(**raw)) == (
        "holds, if SOCK_RAW (for administrators), which this system has too, is left out"
    )
    assert str(judged(made=("SOCK_RAW", "SOCK_SEQPACKET", "SOCK_RAW"))).endswith(
        "SOCK_RAW (for administrators) and SOCK_SEQPACKET, which this system has too, are left out"
    )


def test_where_nothing_was_lost_nobody_has_shown_that_he_sends_again() -> None:
    judgement = judged(moved("tftp", 0.1, lost=0, again=0))
    assert str(judgement) == "holds, if over datagrams the program sends again: none was lost here"
    assert "sent 0 again after 0 were lost" in judgement.because


@pytest.mark.parametrize("recvs", [(3, 3), (1, 2), (1, 1)])
def test_messages_that_both_types_treat_alike_refute_it(recvs: tuple[int, int]) -> None:
    judgement = judged(recvs=recvs)
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.endswith(": both types treat a program's messages alike.")


def test_a_torn_file_refutes_it() -> None:
    judgement = judged(moved("tftp", 0.1, whole=False))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because == "1 of 4 transfers did not carry the file whole."


def test_a_stream_whose_program_sends_again_refutes_it() -> None:
    judgement = judged(moved("http", 0.1, origin_bytes=1400))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.endswith("; a stream's program sent again, too.")


def test_datagrams_that_nobody_sends_again_refute_it() -> None:
    judgement = judged(moved("tftp", 0.1, again=0))
    assert judgement.verdict is Verdict.FAILS
    assert judgement.because.endswith(": both types look alike to the program.")


BAD = {
    "loss": ["-0.1", "nan", "1", "", "2"],
    "latency_s": ["0", "-1", "nan", ""],
    "rate": ["0", "-1", "nan", "inf"],
    "file_bytes": ["0", "-1", "1000000000000"],
    "repeats": ["0", "-1", "1000000"],
    "seed": ["-1", "a"],
}


@pytest.mark.parametrize(("name", "text"), [(n, text) for n, each in BAD.items() for text in each])
def test_a_setting_that_cannot_be_gets_one_line(name: str, text: str) -> None:
    with pytest.raises(SettingError, match=rf"^{name}: [^\n]+; expected [^\n]+$"):
        CLAIM.read_settings({name: text})


def test_without_any_loss_there_is_nothing_to_test() -> None:
    with pytest.raises(SettingError, match=r"^loss: 0; expected a share above 0 too"):
        CLAIM.measure(Stage(), loss=(0.0,))


@pytest.fixture(scope="module")
def measured() -> Data:
    return CLAIM.measure(
        Stage(), loss=(0.0, 0.1), latency_s=(LATENCY_S,), rate=RATE, file_bytes=SIZE, repeats=1
    )


def test_datagrams_are_sent_again_only_where_some_are_lost(measured: Data) -> None:
    transfers = measured["transfers"].set_index(["transport", "loss"])
    clean, lossy = transfers.loc[("tftp", 0.0)], transfers.loc[("tftp", 0.1)]
    assert transfers["whole"].all()
    # Blocks of 1,428 bytes, the last one short, and the confirmed options.
    assert (clean["sent"], clean["lost"], clean["again"]) == (SIZE // 1428 + 2, 0, 0)
    assert 0 < lossy["lost"] <= lossy["again"] < lossy["sent"]
    assert lossy["finish_s"] > clean["finish_s"]


def test_a_stream_under_loss_goes_as_the_model_says(measured: Data) -> None:
    transfers = measured["transfers"].set_index(["transport", "loss"])
    clean, lossy = transfers.loc[("http", 0.0)], transfers.loc[("http", 0.1)]
    assert (clean["again"], lossy["origin_bytes"]) == (0, clean["origin_bytes"])
    expected_s = SIZE / padhye(0.1, 2 * LATENCY_S)
    assert expected_s > 1.0  # the link alone takes a tenth of that
    assert lossy["finish_s"] == pytest.approx(expected_s, rel=0.05)


def test_the_measurement_is_judged_drawn_and_tabulated(measured: Data) -> None:
    assert CLAIM.judge(measured).verdict is not Verdict.FAILS
    heads, rows = CLAIM.tabulate(measured)
    assert {len(row) for row in rows} == {len(heads)}
    assert [row[0] for row in rows[:4]] == ["TCP", "UDP", "TCP (model)", "UDP"]
    ax = Figure().subplots()
    CLAIM.draw(measured, ax)
    assert ax.get_title(loc="left").endswith("5 sends arrive in 1 recv over TCP, in 5 over UDP")
    notes = " ".join(text.get_text().replace("\n", " ") for text in ax.texts)
    assert "TCP under loss is a model" in notes
    assert "TFTP has no congestion control" in notes


def test_a_system_opens_streams_and_datagrams_in_every_family() -> None:
    opened = pd.DataFrame(socket_types({}, Path())["types"])
    for family in ("AF_INET", "AF_UNIX"):
        made = set(opened[opened["family"] == family]["made"])
        assert {"SOCK_STREAM", "SOCK_DGRAM"} <= made
