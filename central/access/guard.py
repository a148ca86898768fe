"""Who may have what: tokens that are granted, expire and are revoked while the server runs (bearer
tokens, RFC 6750).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress

from central.access.grants import Grant, Right, hash_token, lives, permits
from central.access.permit import Permit
from central.access.store import PATIENCE_S, Store
from central.access.uses import Uses
from central.errors import DeniedError, TokenFileError
from host.host import Host

__all__ = ["Guard", "Permit", "Right"]

POLL_S = 0.25
"""Seconds between two looks at the token file: what is revoked stops within that."""

LOOKS_PER_WRITE = 4
"""Uses are written down once in so many looks; a server that is killed forgets those since."""

WRITE_PATIENCE_S = 0.1
"""Seconds to wait for another program that is writing; the next write can tell the store too."""

STRANGER = "a valid token is needed"
"""What everybody without one is told: whether there was such a token once is nobody's business."""


class Guard:
    """Checks tokens, and ends what goes on under those that are not good any more."""

    def __init__(
        self,
        host: Host,
        store: Store | None = None,
        *,
        anonymous: frozenset[Right] = frozenset(("read", "write")),
        warn: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Without a store of tokens everybody has the `anonymous` rights; with one a token is
        needed for everything.  `warn` is told in a line of trouble with the token file, during
        which no token is good.  Raises TokenFileError."""
        self._host = host
        self._store = store
        self._warn = warn
        self._trouble: str | None = None
        self._anonymous = anonymous
        self._stranger = Permit(host.loop, "-")
        self._grants: dict[str, Grant] = {}  # those in force when last looked, by digest
        self._permits: dict[str, Permit] = {}
        self._uses: dict[str, Uses] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._next = math.inf  # the date that it is for
        self._closing = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        if store is not None:
            self._take(store.grants())
            self._watching = host.spawn(self._watch(store), "watch the token file")

    @property
    def open(self) -> bool:
        """True when nobody needs a token."""
        return self._store is None

    def check(self, token: str | None, right: Right) -> Permit:
        """The bearer's permit. Raises DeniedError: `known` where the token is good for other
        things, or no token would help."""
        if self._store is None:
            if right not in self._anonymous:
                raise DeniedError(f"nobody may {right} here", known=True)
            return self._stranger
        # Found by its hash: how long that takes tells nothing about tokens that are good.
        grant = None if token is None else self._grants.get(hash_token(token))
        now = self._date()
        if grant is None or not lives(grant, now):
            raise DeniedError(STRANGER)
        if not permits(grant, right, now):
            raise DeniedError(f"the token does not permit to {right}", known=True)
        return self._permit(grant)

    async def close(self) -> None:
        """End what goes on under tokens, write down what was used, and let nobody in any more."""
        self._closing.set()
        watching, self._watching = self._watching, None
        if self._store is None or watching is None:
            return
        await asyncio.wait([watching])
        await self._write(self._store, PATIENCE_S)

    # ---- permits

    def _permit(self, grant: Grant) -> Permit:
        """The one permit of all the bearer's requests."""
        permit = self._permits.get(grant.digest)
        if permit is None:
            uses = self._uses.get(grant.digest)
            if uses is None:
                limit = math.inf if grant.downloads is None else grant.downloads
                uses = self._uses[grant.digest] = Uses(limit, grant.used)
            rate = math.inf if grant.rate is None else grant.rate
            permit = self._permits[grant.digest] = Permit(self._host.loop, grant.name, rate, uses)
        return permit

    def _take(self, grants: list[Grant]) -> None:
        """These are all the grants now."""
        self._grants = {grant.digest: grant for grant in grants}
        for digest, uses in list(self._uses.items()):
            if digest in self._grants:
                uses.read(self._grants[digest].used)
            elif not uses.unwritten:
                del self._uses[digest]
        self._prune()

    def _prune(self) -> None:
        """Forget the grants that are not good any more, end what goes on under them, and come
        back when the next one expires."""
        now = self._date()
        self._grants = {
            digest: grant for digest, grant in self._grants.items() if lives(grant, now)
        }
        for digest in [digest for digest in self._permits if digest not in self._grants]:
            self._permits.pop(digest).end()
        self._disarm()
        expiries = [each.expires for each in self._grants.values() if each.expires is not None]
        self._next = min(expiries, default=math.inf)
        if expiries:
            self._expiry = self._host.loop.call_later(self._next - now, self._prune)

    def _disarm(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

    def _date(self) -> float:
        return self._host.date().timestamp()

    # ---- the token file

    async def _watch(self, store: Store) -> None:
        looks = 0
        try:
            while not await self._closed_within(POLL_S):
                self._look(store)
                looks += 1
                if looks % LOOKS_PER_WRITE == 0:
                    await self._write(store, WRITE_PATIENCE_S)
        finally:
            # Nobody is let in by what nobody looks after.
            self._take([])
            store.close()

    async def _closed_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        return self._closing.is_set()

    def _look(self, store: Store) -> None:
        try:
            grants = store.news()
        except TokenFileError as error:
            # Who takes the file away takes back what is in it; nobody is let in by an old copy.
            self._tell(f"no token is good any more: {error}")
            grants = []
        else:
            if grants is not None:
                self._trouble = None
        if grants is not None:
            self._take(grants)
        elif self._date() >= self._next:
            # A computer that slept, or whose clock was set, is later than its timers.
            self._prune()

    async def _write(self, store: Store, patience_s: float) -> None:
        """Add what was used to the token file; what it does not take is kept for the next time."""
        amounts = {digest: uses.unwritten for digest, uses in self._uses.items() if uses.unwritten}
        if not amounts:
            return
        try:
            await self._host.compute(store.add_uses, amounts, patience_s)
        except TokenFileError as error:
            self._tell(f"downloads are not written down: {error}")
            return
        for digest, amount in amounts.items():
            self._uses[digest].wrote(amount)

    def _tell(self, trouble: str) -> None:
        """Warn of trouble, once for as long as it stays the same."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._warn(trouble)
