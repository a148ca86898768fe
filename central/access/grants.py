"""Grants: what the bearer of a token may do, until when, how fast and how often (RFC 6750).

Pure: dates come in as Unix seconds.  A token is 256 random bits, so nobody finds it by trying, and
one round of SHA-256 hides it: salts and slow hashes are for passwords, which people choose.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from central.errors import GrantError

Right = Literal["read", "write"]

RIGHTS: frozenset[Right] = frozenset(get_args(Right))

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""Names stand in the access log between spaces, so they have none and need no escapes."""

ID_DIGITS = 12
"""Digits of the hash that a grant is shown by: 48 bits are not met twice in one file."""

FEWEST_DIGITS = 4
"""Digits of an id that name a grant; fewer are a slip of the keyboard (git takes four too)."""


def hash_token(token: str) -> str:
    """What is kept of a token: its SHA-256 in 64 hexadecimal digits; any text has one."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What was granted; GrantError when it makes no sense."""

    digest: str
    """SHA-256 of the token, in hexadecimal."""
    name: str
    rights: frozenset[Right]
    granted: float
    expires: float | None = None
    """The first moment at which it is not good any more; None: never."""
    rate: float | None = None
    """Bytes per second over all transfers under this grant; None: unlimited."""
    downloads: int | None = None
    """How many files may be had, parts counted as parts; None: any number."""
    used: float = 0.0
    """Files had so far."""
    revoked: float | None = None
    """When it was taken back; None: it was not."""

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.digest):
            raise GrantError(f"{self.digest!r} is no SHA-256; expected 64 hexadecimal digits")
        if not NAME.fullmatch(self.name):
            raise GrantError(
                f"{self.name!r} is no name for a grant; expected at most 64 letters, digits and "
                "any of . _ @ + - behind the first"
            )
        if not self.rights or not self.rights <= RIGHTS:
            raise GrantError(f"{self.name}: expected the rights read, write or both")
        if self.expires is not None and not self.granted < self.expires < math.inf:
            raise GrantError(f"{self.name}: expected a date of expiry in the future, or none")
        if self.rate is not None and not 1 <= self.rate < math.inf:
            raise GrantError(f"{self.name}: expected a rate of at least 1 byte/s, or none")
        if self.downloads is not None and self.downloads < 1:
            raise GrantError(f"{self.name}: expected at least one download, or no limit")

    @property
    def id(self) -> str:
        """What to call it by when names are not enough: the first digits of the hash."""
        return self.digest[:ID_DIGITS]


def lives(grant: Grant, now: float) -> bool:
    """Whether it is good for anything: neither revoked nor expired."""
    return grant.revoked is None and (grant.expires is None or now < grant.expires)


def permits(grant: Grant, right: Right, now: float) -> bool:
    """Whether its bearer may do this now; how many files are left is for `central.access.uses`."""
    return lives(grant, now) and right in grant.rights


def find(grants: Iterable[Grant], who: str, now: float) -> Grant:
    """The living grant with this name, or else whose id begins so; GrantError: none or several."""
    living = [grant for grant in grants if lives(grant, now)]
    found = [grant for grant in living if grant.name == who]
    if not found and len(who) >= FEWEST_DIGITS:
        found = [grant for grant in living if grant.id.startswith(who.lower())]
    if not found:
        raise GrantError(
            f"no grant in force is called {who!r}; expected its name, or at least {FEWEST_DIGITS} "
            "digits of its id"
        )
    if len(found) > 1:
        ids = ", ".join(grant.id for grant in found)
        raise GrantError(f"{who!r} begins several ids: {ids}; expected more digits")
    return found[0]
