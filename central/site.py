"""What the servers of all protocols share: one library of files behind one door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from central.access.admission import Admission
from central.access.guard import Guard
from central.access.log import Request
from central.config import Limits
from central.library.library import Library
from host.host import Host


@dataclass(frozen=True, kw_only=True)
class Site:
    """Files, who may have them, how many at a time, and where it is written down."""

    host: Host
    library: Library
    guard: Guard
    limits: Limits = field(default_factory=Limits)
    admission: Admission
    log: Callable[[Request], None] = lambda request: None
    """Told of every request once it was answered."""
    warn: Callable[[str], None] = lambda line: None
    """Told in a line of what the server's owner should know."""

    def full(self, error: OSError) -> None:
        """A door has to rest, for want of descriptors most likely."""
        self.warn(f"no more connections can be taken for now: {error.strerror or error}")
