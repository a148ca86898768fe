"""The options that several commands of `p2p` take, and what they make of this computer."""

import math
from pathlib import Path
from typing import Annotated

import typer

from host.program.arguments import ArgumentError, HostPort, Listen, host_port, listen
from host.program.options import RateOption, option
from p2p.command import arguments
from p2p.command.session import PATIENCE_S, Access

Source = Annotated[Path, typer.Argument(metavar="FILE|DIR", help="What the torrent is to hold.")]
Wanted = Annotated[
    str, typer.Argument(metavar="TORRENT|MAGNET", help="A torrent file or a magnet link.")
]
Chosen = Annotated[
    list[str] | None,
    option(
        "select",
        "NUMBERS|GLOB",
        "Only these files: numbers as `p2p show` prints them (1,3-5), or a pattern for their "
        "paths ('*.txt'); repeatable. Without it what the link selects (so=, numbers beyond "
        "the last file passed over), or all.",
    ),
]
ListenAt = Annotated[
    Listen | None,
    option(
        "listen",
        "ADDRESS[:PORT]",
        "Where to listen and call from; 0.0.0.0 is every address of this computer. Without it "
        "127.0.0.1, which nobody else reaches, and the first free port of 6881 to 6889.",
        listen,
    ),
]
Bootstrap = Annotated[
    list[HostPort] | None,
    option("dht-bootstrap", "HOST:PORT", "A DHT node to begin with; repeatable.", host_port),
]
NoDht = Annotated[bool, typer.Option("--no-dht", help="Find peers without the DHT.")]
Peers = Annotated[
    list[HostPort] | None,
    option("peer", "HOST:PORT", "A peer to begin with; repeatable.", host_port),
]
SeedRatio = Annotated[
    float | None,
    option(
        "seed-ratio", "R", "Share on until R times the size was sent, as in aria2.", arguments.ratio
    ),
]
Follow = Annotated[
    bool,
    typer.Option(
        "--follow",
        help="For a publisher's link: get each new version into a folder named by its number, "
        "and share it, until Ctrl-C.",
    ),
]
UpdateKey = Annotated[
    Path | None,
    typer.Option(
        "--update-key",
        metavar="FILE",
        help="Say in the DHT that this is the newest version of what the key in FILE stands for, "
        "which is made if it is not there. The link is then the same for every version (BEP 46).",
    ),
]


def access_of(
    up_limit: RateOption,
    down_limit: RateOption,
    listen_at: Listen | None,
    dht_bootstrap: list[HostPort] | None,
    no_dht: bool,
    patience: float | None = None,
) -> Access:
    """How this computer takes part, by the options given. Raises ArgumentError."""
    if no_dht and dht_bootstrap:
        raise ArgumentError("--no-dht and --dht-bootstrap exclude each other")
    return Access(
        listen=listen_at or Listen(),
        up_rate=up_limit or math.inf,
        down_rate=down_limit or math.inf,
        dht=not no_dht,
        bootstrap=tuple(dht_bootstrap or ()),
        patience_s=PATIENCE_S if patience is None else patience,
    )
