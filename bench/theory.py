"""How fast a file can reach N hosts at best, and how evenly a load is carried.

Fluid bounds: Kurose and Ross, Computer Networking, section 2.5; Kumar and Ross, HotWeb 2006.
In whole parts: Mundinger, Weber and Weiss 2008, arXiv cs/0606110. Sizes are in bytes, rates in
bytes per second (`math.inf` is unlimited), times in seconds.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate

from bench.scenario import Scenario
from central.tftp.timer import LEAST_S
from host.loss import MSS, padhye


def client_server_bound(file_size: int, origin_up: float, peer_downs: Sequence[float]) -> float:
    """Return max(N F / us, F / dmin), where `peer_downs` are the N clients' downlinks."""
    return max(len(peer_downs) * file_size / origin_up, file_size / min(peer_downs))


def p2p_bound(
    file_size: int, origin_up: float, peer_ups: Sequence[float], peer_downs: Sequence[float]
) -> float:
    """Return max(F / us, F / dmin, N F / (us + sum of ui)) for N peers with these links."""
    return kumar_ross_bound(file_size, [origin_up], peer_ups, peer_downs)


def kumar_ross_bound(
    file_size: int,
    seed_ups: Sequence[float],
    leecher_ups: Sequence[float],
    leecher_downs: Sequence[float],
) -> float:
    """Return max(F / dmin, F / u(S), L F / u(I)): L leechers, seeds S, and all of them I."""
    seeds, everybody = sum(seed_ups), sum(seed_ups) + sum(leecher_ups)
    return max(
        file_size / min(leecher_downs),
        file_size / seeds,
        len(leecher_downs) * file_size / everybody,
    )


def client_server_rate(file_size: int, peer_downs: Sequence[float], deadline_s: float) -> float:
    """Return the least origin uplink with which all N have the file within a deadline: N F / T.

    The inverse of `client_server_bound`; `inf` where a downlink is too slow for any.
    """
    if file_size / min(peer_downs) > deadline_s:
        return math.inf
    return len(peer_downs) * file_size / deadline_s


def p2p_rate(
    file_size: int, peer_ups: Sequence[float], peer_downs: Sequence[float], deadline_s: float
) -> float:
    """Return the least origin uplink for a deadline among peers: max(F / T, N F / T - sum of ui).

    The inverse of `p2p_bound`; `inf` where a downlink is too slow for any.
    """
    alone = client_server_rate(file_size, peer_downs, deadline_s)
    if math.isinf(alone):
        return alone
    return max(file_size / deadline_s, alone - sum(peer_ups))


def chunked_optimum(file_size: int, up: float, receivers: int, parts: int) -> float:
    """Return (F / u) (1 + floor(log2 N) / M): N receivers, M parts, every uplink `up`.

    It holds for equal uplinks only, the origin's too.
    """
    return file_size / up * (1 + (receivers.bit_length() - 1) / parts)


def bound(scenario: Scenario, backend: str, clients: int) -> float:
    """Return the least time in which `backend` can serve N clients that all join at once.

    Latency and loss count nothing; unlimited links give 0.0.
    """
    ups, downs = scenario.peer_ups(clients), scenario.peer_downs(clients)
    if backend == "central":
        return client_server_bound(scenario.file_size, scenario.origin_up, downs)
    return p2p_bound(scenario.file_size, scenario.origin_up, ups, downs)


def rate_under_loss(scenario: Scenario, backend: str) -> float:
    """Return the bytes per second that loss lets one connection have; infinite without loss.

    For TCP the model's (`host.loss`). For TFTP an estimate: what is lost, either way, is sent again
    a timeout later.
    """
    loss, round_trip_s = scenario.loss, 2 * scenario.latency
    if not loss:
        return math.inf
    if backend == "central" and set(scenario.transport) == {"tftp"}:
        again = (1 - loss) ** -2 - 1
        return MSS / (again * max(LEAST_S, 2 * round_trip_s))
    return padhye(loss, round_trip_s)


def bound_in_pieces(scenario: Scenario, clients: int) -> float | None:
    """Return the least time in whole pieces; None where the uplinks differ or a piece has no size.

    Downlinks must not limit either.
    """
    ups = {scenario.origin_up, *scenario.peer_ups(clients)}
    unlimited = set(scenario.peer_downs(clients)) == {math.inf}
    if scenario.piece_size is None or len(ups) > 1 or not unlimited:
        return None
    parts = max(1, math.ceil(scenario.transfer_size / scenario.piece_size))
    return chunked_optimum(scenario.file_size, scenario.origin_up, clients, parts)


def gini(values: Iterable[float]) -> float:
    """Return the Gini coefficient of loads >= 0: 0.0 where all are equal, near 1.0 for one of many.

    Half the relative mean difference, sum over i, j of |xi - xj| / (2 n^2 mean).
    """
    ordered = sorted(values)
    count, total = len(ordered), sum(ordered)
    if total == 0:
        return 0.0
    ranked = sum(rank * value for rank, value in enumerate(ordered, start=1))
    return (2 * ranked - (count + 1) * total) / (count * total)


def lorenz(values: Iterable[float]) -> list[tuple[float, float]]:
    """Return the Lorenz curve of loads >= 0: (share of hosts, share of the load), both from 0 to 1.

    Hosts are taken from the least loaded on; the diagonal is a load that all carry alike.
    """
    ordered = sorted(values)
    count, total = len(ordered), sum(ordered)
    curve = [(0.0, 0.0)]
    for rank, carried in enumerate(accumulate(ordered), start=1):
        curve.append((rank / count, carried / total if total else rank / count))
    return curve


def chance_of_loss(hosts: int, copies: int, vanished: int) -> float:
    """Return the chance that a file is lost when `vanished` of `hosts` go, whichever they are.

    Its `copies` lie on as many hosts. All of them must be among those that go (hypergeometric):
    C(N - r, k - r) / C(N, k).
    """
    if copies > vanished:
        return 0.0
    return math.comb(hosts - copies, vanished - copies) / math.comb(hosts, vanished)


def chance_all_left(hosts: int, copies: Sequence[int], vanished: int) -> float:
    """Return the chance that no file is lost, where `copies` says on how many hosts each one lies.

    The product over the files. It is exact where each file's hosts were drawn independently of the
    others', for given those that vanish, the losses are then independent. Of one given placement
    it is an estimate.
    """
    return math.prod(1 - chance_of_loss(hosts, each, vanished) for each in copies)
