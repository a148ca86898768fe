"""Where the hosts stand in the picture: a star around the server, rings of equal peers. Pure."""

from __future__ import annotations

import cmath
import math

import networkx as nx

FULL = 8
"""Hosts of the innermost ring; the second has twice as many, and so on."""

Place = tuple[float, float]
"""From the left and from the top, 0 to 1."""


def star(hosts: int) -> list[Place]:
    """Return the places of a server, host 0, in the middle, and of its clients in rings."""
    return _places([[0], *_rings(list(range(1, hosts)))])


def mesh(hosts: int) -> list[Place]:
    """Return the places of peers that are all alike: nobody is in the middle."""
    return _places(_rings(list(range(hosts))))


def _rings(hosts: list[int]) -> list[list[int]]:
    """Hosts in rings, the innermost first; the first hosts are in the outermost."""
    count = 1
    while FULL * count * (count + 1) // 2 < len(hosts):
        count += 1
    rings: list[list[int]] = []
    left = list(reversed(hosts))
    for number in range(1, count + 1):
        # What is left is shared among the rings that are left, by their lengths.
        weight = number / sum(range(number, count + 1))
        take = math.ceil(len(left) * weight)
        rings.append(left[:take][::-1])
        left = left[take:]
    return [ring for ring in rings if ring]


def _places(rings: list[list[int]]) -> list[Place]:
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(host for ring in rings for host in ring)
    found = nx.shell_layout(graph, rings)
    return [
        _place(complex(*found[host]) * _turn(len(ring)))
        for host, ring in sorted((host, ring) for ring in rings for host in ring)
    ]


def _turn(hosts: int) -> complex:
    """How far a ring is turned, lest somebody stands straight above or below the middle."""
    return cmath.exp(1j * math.pi / hosts) if hosts % 4 == 0 else 1


def _place(found: complex) -> Place:
    return round((1 + found.real) / 2, 4), round((1 - found.imag) / 2, 4)
