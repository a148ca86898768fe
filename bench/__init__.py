"""The laboratory: `bench.run(...)` runs a scenario, `bench.load(directory)` reads its results.

`bench.claim("load")` measures a claim of the lecture, `bench.compare(one, other)` sets two results
side by side. All are imported when they are first used, so that `import bench` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.comparison import compare
    from bench.experiment import Interrupted, arun, run
    from bench.lecture.finding import examine as claim
    from bench.results import Results, load

_PLACES = {
    "Interrupted": "bench.experiment",
    "Results": "bench.results",
    "arun": "bench.experiment",
    "claim": "bench.lecture.finding:examine",
    "compare": "bench.comparison",
    "load": "bench.results",
    "run": "bench.experiment",
}
"""The module of each name, and what it is called there if otherwise."""

__all__ = ["Interrupted", "Results", "arun", "claim", "compare", "load", "run"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    module, _, other = _PLACES[name].partition(":")
    return getattr(import_module(module), other or name)


def __dir__() -> list[str]:
    return __all__
