"""The overlay of each run in numbers: who moved data to whom, as a graph (networkx).

Degree, path length and clustering are those of Watts and Strogatz, Nature 393, 1998.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from networkx import Graph

LEAST = 0.001
"""Links that carried less than this part of the file carried talk (the DHT, gossip), not data."""
RUN = ("backend", "clients", "seed", "repeat")
"""Columns that tell runs apart, beside the swept ones."""


def overlay(
    hosts: Iterable[str], edges: Iterable[tuple[str, str, int]], least_bytes: float
) -> Graph[str]:
    """Return every host, and a link with `bytes` for each pair that moved as much both ways.

    `edges` are (source, target, bytes).
    """
    from networkx import Graph

    graph: Graph[str] = Graph()
    graph.add_nodes_from(hosts)
    for source, target, carried in edges:
        if graph.has_edge(source, target):
            carried += graph.edges[source, target]["bytes"]
        graph.add_edge(source, target, bytes=carried)
    links: list[tuple[str, str, int]] = list(graph.edges(data="bytes"))
    graph.remove_edges_from([(a, b) for a, b, carried in links if carried < least_bytes])
    return graph


def measures(graph: Graph[str]) -> dict[str, Any]:
    """Return what is said of a graph: see `overlay_measures`."""
    import networkx as nx

    degrees = [degree for _, degree in graph.degree()]
    parts = sorted(nx.connected_components(graph), key=len)
    # Only hosts that reach each other have a path: the largest part, where there are several.
    largest = graph.subgraph(parts[-1])
    return {
        "nodes": graph.number_of_nodes(),
        "links": graph.number_of_edges(),
        "parts": len(parts),
        "degree_mean": sum(degrees) / len(degrees),
        "degree_max": max(degrees),
        "path_mean": nx.average_shortest_path_length(largest) if len(largest) > 1 else 0.0,
        "density": nx.density(graph),
        "clustering": nx.average_clustering(graph),
    }


def overlay_measures(
    nodes: pd.DataFrame, edges: pd.DataFrame, runs: pd.DataFrame, swept: list[str], least: float
) -> pd.DataFrame:
    """Return a row a run, of the frames of some results.

    `nodes` and `links` are counted, `parts` are connected components. `degree_mean` and
    `degree_max` are links a host, `path_mean` is the mean number of links between two hosts of the
    largest part, `density` the share of pairs that are linked, `clustering` the chance that two
    neighbours of a host are neighbours (in a random graph it is the density). A link is a pair that
    moved `least` of the file or more.
    """
    import pandas as pd

    key = [*swept, *RUN]
    hosts_of, edges_of = (dict(list(frame.groupby(key, sort=False))) for frame in (nodes, edges))
    none = edges.iloc[:0]
    rows = []
    for run in runs.to_dict("records"):
        case = tuple(run[column] for column in key)
        carried = edges_of.get(case, none)
        ends = (carried[column].tolist() for column in ("source", "target", "bytes"))
        triples = zip(*ends, strict=True)
        graph = overlay(hosts_of[case]["node"], triples, least * run["file_bytes"])
        rows.append(dict(zip(key, case, strict=True)) | measures(graph))
    return pd.DataFrame(rows)
