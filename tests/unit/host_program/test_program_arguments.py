"""host.program.arguments: what addresses and rates mean, and why others are refused."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from host.program.arguments import ArgumentError, HostPort, Listen, host_port, link_rate, listen
from host.quantities import QuantityError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1", Listen("127.0.0.1", None)),
        ("0.0.0.0", Listen("0.0.0.0", None)),
        ("192.0.2.7:7000", Listen("192.0.2.7", 7000)),
        ("127.0.0.2:0", Listen("127.0.0.2", 0)),
        ("127.0.0.2:65535", Listen("127.0.0.2", 65535)),
    ],
)
def test_places_to_listen_at(text: str, place: Listen) -> None:
    assert listen(text) == place


def test_where_a_place_reaches() -> None:
    assert Listen().address == "127.0.0.1"
    assert Listen().reaches("127.9.9.9")
    assert not Listen().reaches("192.0.2.1")
    assert Listen("0.0.0.0").reaches("192.0.2.1")
    assert Listen("192.0.2.7").reaches("192.0.2.1")
    assert Listen("0.0.0.0").wildcard
    assert not Listen("192.0.2.7").wildcard


def test_addresses_of_others() -> None:
    assert host_port("192.0.2.1:6881") == HostPort("192.0.2.1", 6881)
    assert host_port("node.example:1") == HostPort("node.example", 1)


def test_rates() -> None:
    assert link_rate("8 Mbit/s") == 1e6
    assert link_rate("unlimited") == math.inf


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (listen, "localhost", "'localhost' is no place to listen at"),
        (listen, "", "'' is no place to listen at"),
        (listen, "6881", "'6881' is no place to listen at"),
        (listen, "[::1]:6881", "is no place to listen at"),
        (listen, "127.0.0.1:", "expected a port from 0 to 65535"),
        (listen, "127.0.0.1:65536", "expected a port from 0 to 65535"),
        (listen, "127.0.0.1:-1", "expected a port from 0 to 65535"),
        (listen, "127.0.0.1:٣", "expected a port from 0 to 65535"),
        (host_port, "192.0.2.1", "'192.0.2.1' is no address; expected HOST:PORT"),
        (host_port, ":1", "':1' is no address"),
        (host_port, "::1:1", "'::1:1' is no address"),
        (host_port, "a b:1", "'a b:1' is no address"),
        (host_port, "a:0", "expected a port from 1 to 65535"),
        (host_port, "a:x", "expected a port from 1 to 65535"),
        (link_rate, "0", "'0': expected more than nothing"),
        (link_rate, "3 MB", "'3 MB' is not a rate"),
    ],
)
def test_what_is_refused(parse: Callable[[str], Any], text: str, reason: str) -> None:
    with pytest.raises((ArgumentError, QuantityError)) as refusal:
        parse(text)
    assert reason in str(refusal.value)
