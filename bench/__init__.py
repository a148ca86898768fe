"""The laboratory: `bench.run(...)` runs a scenario, `bench.load(directory)` reads its results.

`bench.demo()` shows both systems side by side, live, in a notebook.
`bench.claim("load")` measures a claim of the lecture, `bench.compare(one, other)` sets two results
side by side; `bench.bounds()` is the theory, `bench.sliders(results)` moves it below the points.
All are imported when they are first used, so that `import bench` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.classroom.widget import demo
    from bench.comparison import compare
    from bench.experiment import Interrupted, arun, run
    from bench.explorer import bounds, sliders
    from bench.lecture.finding import Finding
    from bench.lecture.finding import examine as claim
    from bench.lecture.finding import load_finding as load_claim
    from bench.results import Results, load

_PLACES = {
    "Finding": "bench.lecture.finding",
    "Interrupted": "bench.experiment",
    "Results": "bench.results",
    "arun": "bench.experiment",
    "bounds": "bench.explorer",
    "claim": "bench.lecture.finding:examine",
    "compare": "bench.comparison",
    "demo": "bench.classroom.widget:demo",
    "load": "bench.results",
    "load_claim": "bench.lecture.finding:load_finding",
    "run": "bench.experiment",
    "sliders": "bench.explorer",
}
"""The module of each name, and what it is called there if otherwise."""

__all__ = [
    "Finding",
    "Interrupted",
    "Results",
    "arun",
    "bounds",
    "claim",
    "compare",
    "demo",
    "load",
    "load_claim",
    "run",
    "sliders",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    module, _, other = _PLACES[name].partition(":")
    return getattr(import_module(module), other or name)


def __dir__() -> list[str]:
    return __all__
