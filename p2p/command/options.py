"""The options that several commands of `p2p` take, and what they make of this computer."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from host.quantities import QuantityError, Rate
from p2p.command import arguments
from p2p.command.arguments import ArgumentError, HostPort, Listen
from p2p.command.session import PATIENCE_S, Access

T = TypeVar("T")


def _read_by(parse: Callable[[str], T]) -> Callable[[str], T]:
    """The parser as typer wants it: what is wrong is said with the option's name."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except (QuantityError, ArgumentError) as error:
            raise typer.BadParameter(str(error)) from None

    return convert


def option(name: str, metavar: str, help_: str, parse: Callable[[str], Any] = str) -> Any:
    """An option whose text is read by `parse`, which raises ArgumentError or QuantityError."""
    return typer.Option(
        f"--{name}", metavar=metavar, help=help_, parser=_read_by(parse), show_default=False
    )


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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, an object a line.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]
RateOption = Rate | None
UpLimit = Annotated[
    RateOption,
    option("up-limit", "RATE", "Send no faster, e.g. '10 Mbit/s'.", arguments.link_rate),
]
DownLimit = Annotated[
    RateOption,
    option("down-limit", "RATE", "Receive no faster, e.g. '4 MiB/s'.", arguments.link_rate),
]
ListenAt = Annotated[
    Listen | None,
    option(
        "listen",
        "ADDRESS[:PORT]",
        "Where to listen and call from; 0.0.0.0 is every address of this computer. Without it "
        "127.0.0.1, which nobody else reaches, and the first free port of 6881 to 6889.",
        arguments.listen,
    ),
]
Bootstrap = Annotated[
    list[HostPort] | None,
    option(
        "dht-bootstrap", "HOST:PORT", "A DHT node to begin with; repeatable.", arguments.host_port
    ),
]
NoDht = Annotated[bool, typer.Option("--no-dht", help="Find peers without the DHT.")]
Peers = Annotated[
    list[HostPort] | None,
    option("peer", "HOST:PORT", "A peer to begin with; repeatable.", arguments.host_port),
]
SeedRatio = Annotated[
    float | None,
    option(
        "seed-ratio", "R", "Share on until R times the size was sent, as in aria2.", arguments.ratio
    ),
]


def access_of(
    up_limit: RateOption,
    down_limit: RateOption,
    listen: Listen | None,
    dht_bootstrap: list[HostPort] | None,
    no_dht: bool,
    patience: float | None = None,
) -> Access:
    """How this computer takes part, by the options given. Raises ArgumentError."""
    if no_dht and dht_bootstrap:
        raise ArgumentError("--no-dht and --dht-bootstrap exclude each other")
    return Access(
        listen=listen or Listen(),
        up_rate=up_limit or math.inf,
        down_rate=down_limit or math.inf,
        dht=not no_dht,
        bootstrap=tuple(dht_bootstrap or ()),
        patience_s=PATIENCE_S if patience is None else patience,
    )
