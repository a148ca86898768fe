"""central.command.arguments: what each word means, and why others are refused."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from central.command.arguments import (
    Served,
    anonymous_rights,
    expiry,
    file_link,
    folder_link,
    ports,
    protocol,
    token,
    upload_link,
)
from central.errors import LinkError
from central.link import Link
from central.server import PORTS
from host.program.arguments import ArgumentError, Listen

HERE, EVERYWHERE = Listen(), Listen("0.0.0.0")


def test_protocols() -> None:
    assert protocol("http") == Served("http")
    assert protocol("socket:9000") == Served("socket", 9000)
    assert protocol("tftp:0") == Served("tftp", 0)


@pytest.mark.parametrize(
    ("served", "listen", "chosen"),
    [
        (["http"], HERE, {"http": 8080}),
        (["tftp", "socket", "http"], HERE, {"tftp": 8069, "socket": 8081, "http": 8080}),
        (["http:9000", "tftp"], HERE, {"http": 9000, "tftp": 8069}),
        (["socket"], Listen("127.0.0.1", 0), {"socket": 0}),
    ],
)
def test_ports(served: list[str], listen: Listen, chosen: dict[str, int]) -> None:
    found = ports(map(protocol, served), listen, PORTS)
    assert list(found.items()) == list(chosen.items())


@pytest.mark.parametrize(
    ("served", "listen", "reason"),
    [
        (["http", "http:1"], HERE, "--protocol http: expected each protocol once"),
        (
            ["http", "tftp"],
            Listen("127.0.0.1", 1),
            "--listen 127.0.0.1:1 has one port for 2 protocols; expected each with its own, as in "
            "--protocol http:8080 --protocol socket:8081",
        ),
        (
            ["http:2"],
            Listen("127.0.0.1", 1),
            "--listen 127.0.0.1:1 and --protocol http:2 both name a port; expected one of them",
        ),
    ],
)
def test_ports_that_contradict(served: list[str], listen: Listen, reason: str) -> None:
    with pytest.raises(ArgumentError) as refusal:
        ports(map(protocol, served), listen, PORTS)
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    ("listen", "flags", "rights"),
    [
        (HERE, "", {"read"}),
        (HERE, "allow_put", {"read", "write"}),
        (HERE, "anyone", {"read"}),
        (HERE, "tokens allow_put", set()),
        (EVERYWHERE, "tokens", set()),
        (EVERYWHERE, "anyone", {"read"}),
        (EVERYWHERE, "anyone allow_put", {"read", "write"}),
        (Listen("127.9.9.9"), "", {"read"}),
    ],
)
def test_what_may_be_done_without_a_token(listen: Listen, flags: str, rights: set[str]) -> None:
    assert allowed(listen, flags) == rights


@pytest.mark.parametrize(
    ("listen", "flags", "reason"),
    [
        (
            EVERYWHERE,
            "",
            "--listen 0.0.0.0 lets other computers in: name who may come with --token-file FILE "
            "(see central grant), or say --anyone",
        ),
        (Listen("192.0.2.1"), "allow_put", "--listen 192.0.2.1 lets other computers in"),
        (HERE, "tokens anyone", "--token-file and --anyone exclude each other"),
    ],
)
def test_other_computers_come_in_only_when_that_is_said(
    listen: Listen, flags: str, reason: str
) -> None:
    with pytest.raises(ArgumentError) as refusal:
        allowed(listen, flags)
    assert str(refusal.value).startswith(reason)


def allowed(listen: Listen, flags: str) -> frozenset[str]:
    said = {name: name in flags.split() for name in ("tokens", "anyone", "allow_put")}
    return anonymous_rights(listen, **said)  # type: ignore[return-value]


def test_when_a_grant_ends() -> None:
    assert expiry("8h").at(1000.0) == 1000 + 8 * 3600
    assert expiry("90 min").at(0.0) == 5400
    assert expiry("2030-01-02T03:04:05+00:00").at(7.0) == 1893553445
    local = datetime(2030, 12, 31).timestamp()
    assert expiry("2030-12-31").at(7.0) == local


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (protocol, "ftp", "'ftp' is no protocol; expected http, socket or tftp, or http:PORT"),
        (protocol, "http:", "'http:': expected a port from 0 to 65535 after the colon"),
        (protocol, "http:65536", "expected a port from 0 to 65535"),
        (protocol, "HTTP", "'HTTP' is no protocol"),
        (expiry, "soon", "'soon': expected how long, e.g. '8 h', or a date"),
        (expiry, "8", "'8': expected how long"),
        (expiry, "2030-13-01", "'2030-13-01': expected how long"),
        (expiry, "0001-01-01", "'0001-01-01': expected how long"),
        (file_link, "http://h:1", "'http://h:1' names no file"),
        (file_link, "http://h:1/", "'http://h:1/' names no file"),
        (file_link, "https://h:1/a", "'https://h:1/a' is not a link to a server"),
        (folder_link, "tftp://h:1/", "'tftp://h:1/': TFTP knows no folders"),
        (folder_link, "http://", "'http:' is not a link to a server"),
    ],
)
def test_what_is_refused(parse: Callable[[str], Any], text: str, reason: str) -> None:
    with pytest.raises((ArgumentError, LinkError)) as refusal:
        parse(text)
    assert reason in str(refusal.value)


def test_tokens_are_what_a_header_can_hold() -> None:
    assert token("fsl_aB-9_=") == "fsl_aB-9_="
    for text in ("", "a b", "a\nb", "geheim\u00e4", "x" * 4097, "=a"):
        with pytest.raises(ArgumentError) as refusal:
            token(text)
        # Errors end up in logs.
        assert str(refusal.value) == "that is no token; expected what central grant has printed"


def test_links_to_folders() -> None:
    for text in ("http://h:1", "http://h:1/", "http://h:1//"):
        assert folder_link(text) == Link("http", "h", 1, "")
    assert folder_link("socket://h/a%20b/c/") == Link("socket", "h", 8081, "a b/c")


@pytest.mark.parametrize(
    ("url", "file", "path"),
    [
        ("http://h:1", "d/a.txt", "a.txt"),
        ("http://h:1/", "a b#c?%.txt", "a b#c?%.txt"),
        ("http://h:1/in/", "d/ä", "in/ä"),
        ("http://h:1/in/other", "a.txt", "in/other"),
    ],
)
def test_where_an_upload_goes(url: str, file: str, path: str) -> None:
    assert upload_link(url, Path(file)) == Link("http", "h", 1, path)


def test_uploads_that_cannot_be() -> None:
    for url, file, reason in (
        ("http://h:1/a#sha256=" + 64 * "0", "a", "a digest is for a file to get"),
        ("http://h:1/", ".hidden", "names no file of ours"),
        ("http://h:1/", "\udcff", "its path is not UTF-8"),
        ("http://[", "a", "is not a URL"),
    ):
        with pytest.raises(LinkError) as refusal:
            upload_link(url, Path(file))
        assert reason in str(refusal.value)
