"""Clients that try again while hosts crash and links are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench.members import Member
from bench.sweep import Trial, TrialFailed

FIRST_TRY, LAST_TRY = 1 / 50, 1 / 5
"""Parts of the bound after which a client whose fetch failed tries again, doubled up to the last:
a person, or a program that backs off."""
LEAST_S = 0.01
"""Seconds until another try, where nothing bounds the run."""


class Retrying:
    """Lets clients fetch until they have the file."""

    def __init__(
        self,
        trial: Trial,
        link: str,
        *,
        ideal_s: float,
        trouble: tuple[type[Exception], ...],
        group: asyncio.TaskGroup,
        start: float,
        done: Callable[[], None],
    ) -> None:
        """`trouble`: how a fetch fails where other hosts or links do, any other way ends the group
        with TrialFailed; `start`: the loop's time at which the run began."""
        self._trial = trial
        self._link = link
        self._ideal_s = ideal_s
        self._trouble = trouble
        self._group = group
        self._start = start
        self._done = done

    def begin(self, client: Member, wait_s: float) -> None:
        """Let a client begin its fetch so many seconds from now."""
        serving = self._serve(client, wait_s)
        client.serving = self._group.create_task(serving, name=client.host.name)

    async def _serve(self, client: Member, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        again = FIRST_TRY
        while True:
            try:
                await client.node.fetch(self._link, client.host.directory)
                break
            except Exception as error:
                if client.up and not isinstance(error, self._trouble):
                    line = f"{self._trial}: {client.host.name}: {error}"
                    raise TrialFailed(line) from error
            await asyncio.sleep(max(LEAST_S, again * self._ideal_s))
            again = min(2 * again, LAST_TRY)
        if not client.finished:
            client.finish_s = client.host.loop.time() - self._start
        self._done()
