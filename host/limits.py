"""What the machine must be able to hold before a run starts: descriptors and disk space.

See getrlimit(2); a descriptor is needed for each end of a connection, and both ends live here.
"""

from __future__ import annotations

import resource
import shutil
from contextlib import suppress
from pathlib import Path

SPARE_DESCRIPTORS = 64
"""For the interpreter, the event loop and what a run opens briefly."""


class MachineLimitError(RuntimeError):
    """The machine cannot hold this run; the message says in one line what to do."""


def ensure_descriptors(needed: int) -> None:
    """Raise the soft limit to `needed` descriptors and some to spare, or say why it can't be."""
    needed += SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise MachineLimitError(
            f"this run needs about {needed:,} open descriptors and the limit is {hard:,}: "
            f"raise it (ulimit -Hn {needed}), or ask for fewer clients or connections"
        )
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:
        raise MachineLimitError(
            f"this run needs about {needed:,} open descriptors and the system refuses ({error}): "
            "ask for fewer clients or connections"
        ) from None


def raise_descriptors() -> None:
    """Raise the soft limit to the hard one, for a program that serves as many as come."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems have no hard limit and still refuse to have no soft one.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ensure_space(directory: Path, needed: int) -> None:
    """Check that `directory` has room for `needed` bytes."""
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise MachineLimitError(
            f"this run needs {needed / 2**20:,.0f} MiB in {directory} and {free / 2**20:,.0f} MiB "
            "are free: name another place with TMPDIR, or ask for fewer clients or a smaller file"
        )
