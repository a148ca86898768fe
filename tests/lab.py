"""The network of one test, with hosts made in a line."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host.host import Host
from host.link import LinkConfig
from host.network import Network

RunLab = Callable[..., Any]
"""The fixture `run_lab`: runs `await body(lab)` and returns its result."""


class Lab:
    """A network, a folder for its hosts, and the time."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.network = Network(**options)
        self.folder = folder

    @property
    def now(self) -> float:
        return self.network.loop.time()

    def host(
        self,
        name: str,
        *,
        up: float = math.inf,
        down: float = math.inf,
        latency: float = 0.0,
        loss: float = 0.0,
        down_loss: float = 0.0,
        traced: bool = False,
    ) -> Host:
        """A host whose paths to others have `latency` seconds one way, half of it on its links."""
        directory = self.folder / name
        directory.mkdir()
        return Host(
            self.network,
            name,
            directory,
            up=LinkConfig(rate=up, latency=latency / 2, loss=loss),
            down=LinkConfig(rate=down, latency=latency / 2, loss=down_loss),
            traced=traced,
        )
