"""The lecture's claims, a file each: `load.py` is the claim `load`. A new file is a new claim."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from bench.errors import BenchError
from bench.lecture.claim import Claim


class NoSuchClaimError(BenchError, ValueError):
    """A name that no claim has: one line with those that there are."""


class ClaimFileError(BenchError):
    """A file among the claims that has none: one line that says what was expected."""


def names() -> list[str]:
    """Return the names of all claims, of which none is imported for that."""
    files = (module.name for module in iter_modules(__path__))
    return sorted(file.replace("_", "-") for file in files if not file.startswith("_"))


def find(name: str) -> Claim:
    """Return a claim by its name, such as `five-tuple`.

    Raises NoSuchClaimError, or ClaimFileError where its file has none.
    """
    known = names()
    if name not in known:
        close = get_close_matches(name.replace("_", "-"), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the claims are {', '.join(known)}"
        raise NoSuchClaimError(f"{name}: no such claim; {hint}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    claim = getattr(module, "CLAIM", None)
    if not isinstance(claim, Claim):
        raise ClaimFileError(f"{module.__file__}: it has no claim; expected CLAIM = Claim(...)")
    if claim.name != name:
        raise ClaimFileError(f"{module.__file__}: its claim is {claim.name}; expected {name}")
    return claim


def everything() -> list[Claim]:
    """Return all claims, as the lecture comes to them. Raises ClaimFileError."""
    return sorted(map(find, names()), key=lambda claim: claim.place)
