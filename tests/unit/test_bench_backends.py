"""bench.backends: what the clients of the central backend wait for follows the links."""

import math
from typing import get_args

import pytest

from bench.backends import BACKENDS, client_config
from bench.catalogue import find, names
from bench.scenario import Transport, override_all
from central.config import ClientConfig
from host.link import QUANTUM
from host.loss import padhye
from host.quantities import Size

USUAL = ClientConfig()
WINDOW = USUAL.window * USUAL.block_size


def test_timers_follow_a_clients_share_of_the_origins_uplink() -> None:
    book = override_all(find("kurose-ross"), {"clients": "35,5"})
    config = client_config(book)
    share = book.origin_up / 35
    assert config.patience_s == pytest.approx(4 * QUANTUM / share)
    assert config.retransmit_s == pytest.approx(WINDOW / share)
    assert (config.patience_s, config.retransmit_s) == (
        pytest.approx(49.4, abs=0.1),
        pytest.approx(17.2, abs=0.1),
    )
    assert (config.request_size, type(config.request_size)) == (2**20, int)


@pytest.mark.parametrize("link", ["peer_up", "peer_down"])
def test_timers_follow_the_slowest_link_of_a_client_and_the_way(link: str) -> None:
    fields = {link: "4 KiB/s, 1 KiB/s", "latency": "2 s", "clients": 1}
    config = client_config(override_all(find("quick"), fields))
    assert config.patience_s == 4 * (QUANTUM / 1024 + 2)
    assert config.retransmit_s == WINDOW / 1024 + 4


def test_links_that_are_slowed_slow_the_timers() -> None:
    fields = {"file_size": "10 MiB", "moved_size": "1 MiB", "peer_down": "10 KiB/s", "clients": 1}
    config = client_config(override_all(find("quick"), fields))
    assert config.patience_s == pytest.approx(4 * QUANTUM / 1024)


def test_timers_are_never_shorter_than_usual() -> None:
    config = client_config(find("loopback"))
    assert config == USUAL
    fast = override_all(find("quick"), {"origin_up": math.inf, "peer_up": math.inf})
    assert client_config(fast) == USUAL


def test_patience_follows_what_loss_leaves_of_tcp() -> None:
    fields = {"latency": "2 s", "loss": "30%", "clients": 1}
    config = client_config(override_all(find("quick"), fields))
    assert config.patience_s == pytest.approx(4 * (QUANTUM / padhye(0.3, 4.0) + 2))
    lossless = client_config(override_all(find("quick"), fields | {"loss": 0}))
    assert config.retransmit_s == lossless.retransmit_s


@pytest.mark.parametrize("transport", get_args(Transport))
def test_every_transport_is_a_backend(transport: str) -> None:
    scenario = override_all(find("transports"), {"transport": transport})
    assert BACKENDS["central"](scenario).name == "central"
    assert client_config(scenario).request_size == Size(64 * 1024)


def test_several_transports_are_not_one_backend() -> None:
    with pytest.raises(ValueError, match="too many values"):
        BACKENDS["central"](find("transports"))


@pytest.mark.parametrize("name", names())
def test_the_backends_of_every_scenario_can_be_made(name: str) -> None:
    scenario = override_all(find(name), {"transport": "http"})
    assert [BACKENDS[backend](scenario).name for backend in scenario.backends] == [
        *scenario.backends
    ]
