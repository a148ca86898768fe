"""The laboratory: `bench.run(...)` runs a scenario, `bench.load(directory)` reads its results.

Both are imported when they are first used, so that `import bench` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.experiment import run
    from bench.results import Results, load

__all__ = ["Results", "load", "run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'bench' has no attribute {name!r}")
    return getattr(import_module("bench.experiment" if name == "run" else "bench.results"), name)


def __dir__() -> list[str]:
    return __all__
