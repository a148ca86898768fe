"""bench.claims.socket_calls: the verdict on sequences of calls, and a small run."""

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.claims.socket_calls import CLAIM
from bench.lecture.claim import Data, SettingError, Verdict
from bench.lecture.stage import Stage

SERVER = "socket bind listen accept accept close"
ACCEPTED = "recv send recv close"
CLIENT = "socket bind connect getsockopt sendmsg recv close"
DATAGRAM = "socket bind recvfrom sendto close"


def seen(*sockets: tuple[str, str], lesson: str = "a transfer") -> Data:
    rows = [
        {
            "lesson": lesson,
            "node": "host",
            "socket": number,
            "protocol": protocol,
            "call": call,
            "arguments": "",
        }
        for number, (protocol, calls) in enumerate(sockets)
        for call in calls.split()
    ]
    families = pd.DataFrame({"lesson": [lesson], "outcome": ["answered"]})
    return {"calls": pd.DataFrame(rows), "families": families}


STREAMS = (("tcp", SERVER), ("tcp", ACCEPTED), ("tcp", CLIENT))


def test_it_holds_where_all_sockets_are_streams() -> None:
    judgement = CLAIM.judge(seen(*STREAMS))
    assert judgement.verdict is Verdict.HOLDS
    assert judgement.because == (
        "Of 3 stream sockets 3 made these calls in this order; of 0 datagram sockets 0 called "
        "listen, accept or connect."
    )


def test_datagrams_that_need_no_connection_are_the_condition() -> None:
    judgement = CLAIM.judge(seen(*STREAMS, ("udp", DATAGRAM)))
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.condition.startswith("the sockets are streams")


def test_it_holds_if_datagram_sockets_did_the_same() -> None:
    judgement = CLAIM.judge(seen(*STREAMS, ("udp", "socket bind listen accept close")))
    assert judgement.verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "stray",
    [
        "socket listen bind accept close",
        "socket bind accept close",
        "socket bind listen accept",
        "socket connect send close",
        "socket connect recv close",
        "socket send connect recv close",
        "socket connect send recv",
    ],
)
def test_a_stream_that_calls_otherwise_refutes_it(stray: str) -> None:
    judgement = CLAIM.judge(seen(*STREAMS, ("tcp", stray)))
    assert judgement.verdict is Verdict.FAILS
    assert "Of 4 stream sockets 3 made" in judgement.because
    assert judgement.because.endswith(f"One called {', '.join(stray.split())}.")


def test_without_a_stream_there_is_nothing_to_see() -> None:
    assert CLAIM.judge(seen(("udp", DATAGRAM))).verdict is Verdict.FAILS


def test_calls_that_were_to_fail_are_not_judged() -> None:
    failed = seen(("tcp", "socket bind connect getsockopt close"), lesson="nobody listens")
    assert CLAIM.judge(together(seen(*STREAMS), failed)).verdict is Verdict.HOLDS


def together(*seen: Data) -> Data:
    return {
        name: pd.concat([own[name] for own in seen], ignore_index=True)
        for name in ("calls", "families")
    }


def test_a_family_that_cannot_be_had_is_not_judged_and_is_told() -> None:
    """A container has no ::1 often: its sockets are closed before they did anything."""
    none = seen(("tcp", "socket bind close"), ("tcp", "socket close"), lesson="AF_INET6")
    none["families"]["outcome"] = "EADDRNOTAVAIL"
    judgement = CLAIM.judge(together(seen(*STREAMS), none))
    assert judgement.verdict is Verdict.HOLDS
    assert "Of 3 stream sockets 3 made" in judgement.because
    assert judgement.because.endswith("Not to be had here: AF_INET6 (EADDRNOTAVAIL).")
    none["families"]["outcome"] = "answered"
    assert CLAIM.judge(together(seen(*STREAMS), none)).verdict is Verdict.FAILS


@pytest.fixture(scope="module")
def small() -> Data:
    return CLAIM.measure(Stage(), file_bytes=100)


def results(data: Data, lesson: str, node: str) -> list[tuple[str, str]]:
    calls = data["calls"]
    own = calls[(calls["lesson"] == lesson) & (calls["node"] == node)]
    return list(zip(own["call"], own["result"], strict=True))


def test_a_small_run_is_judged(small: Data) -> None:
    judgement = CLAIM.judge(small)
    assert judgement.verdict is Verdict.CONDITION
    assert judgement.because == (
        "Of 12 stream sockets 12 made these calls in this order; of 9 datagram sockets 0 called "
        "listen, accept or connect."
    )


def test_errors_are_the_systems_own(small: Data) -> None:
    refused = results(small, "nobody listens", "client")
    assert "ECONNREFUSED" in dict(refused).values()
    assert ("bind", "EADDRINUSE") in results(small, "port in use", "server")
    assert results(small, "nobody receives", "client")[2:] == [("sendto", "8"), ("close", "0")]


def test_one_exchange_goes_over_every_family(small: Data) -> None:
    families = small["families"]
    assert list(families["outcome"]) == ["answered"] * 6
    assert list(families["protocol_number"]) == [6, 17, 6, 17, 0, 0]
    for domain in ("AF_INET", "AF_INET6", "AF_UNIX"):
        names = [call for call, _ in results(small, f"{domain} SOCK_STREAM", "server")]
        assert " ".join(names) == "socket bind listen accept recv send recv close close"
        names = [call for call, _ in results(small, f"{domain} SOCK_DGRAM", "server")]
        assert " ".join(names) == "socket bind recvfrom sendto close"


def test_a_unix_sockets_addresses_are_paths_seen_from_its_folder(small: Data) -> None:
    calls = small["calls"]
    unix = calls[calls["lesson"] == "AF_UNIX SOCK_DGRAM"]
    assert set(unix["protocol"]) == {"unix"}
    assert set(unix["local"]) == {"", "client", "server"}


def test_its_table_says_what_cannot_be_had(small: Data) -> None:
    families = small["families"].copy()
    families.loc[families["domain"] == "AF_INET6", "outcome"] = "EADDRNOTAVAIL"
    calls = small["calls"]
    left = calls[~calls["lesson"].str.startswith("AF_INET6")]
    _, rows = CLAIM.tabulate({"calls": left, "families": families})
    told = [row[-1] for row in rows if row[0].startswith("AF_INET6")]
    assert told == ["not to be had here (EADDRNOTAVAIL), not judged"] * 4


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "5000000000", "many"])
def test_a_setting_that_cannot_be_is_refused_in_a_line(wrong: str) -> None:
    with pytest.raises(SettingError, match=r"^file_bytes: .*; expected int"):
        CLAIM.read_settings({"file_bytes": wrong})


def test_its_table_and_picture(small: Data) -> None:
    heads, rows = CLAIM.tabulate(small)
    assert {len(row) for row in rows} == {len(heads)}
    assert len(rows) > 40
    axes = Figure().subplots()
    CLAIM.draw(small, axes)
    headline = axes.get_title(loc="left")
    assert headline == "TCP calls listen, accept and connect; UDP none of them"
    notes = " ".join(text.get_text().replace("\n", " ") for text in axes.texts)
    assert "the client's bind is this lab's need: an address of its own" in notes
