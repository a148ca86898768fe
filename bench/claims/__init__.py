"""The lecture's claims, a file each: `load.py` is the claim `load`. A new file is a new claim."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from bench.errors import BenchError
from bench.lecture.claim import Claim

FOLDER = Path(__file__).parent


class NoSuchClaimError(BenchError, ValueError):
    """A name that no claim has: one line with those that there are."""


def find(name: str) -> Claim:
    """Return a claim by its name, such as `five-tuple`. Raises NoSuchClaimError."""
    known = _names()
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the claims are {', '.join(known)}"
        raise NoSuchClaimError(f"{name}: no such claim; {hint}")
    claim: Claim = import_module(f"{__name__}.{name.replace('-', '_')}").CLAIM
    return claim


def everything() -> list[Claim]:
    """Return all claims, as the lecture comes to them."""
    return sorted(map(find, _names()), key=lambda claim: claim.place)


def _names() -> list[str]:
    files = sorted(FOLDER.glob("[!_]*.py"))
    return [file.stem.replace("_", "-") for file in files]
