"""Requests to one server: over one kept connection, or each over its own (RFC 9112, section 9.3).

A kept connection may be closed by the server between two requests; the session opens another then.
"""

from __future__ import annotations

import re

from central.config import ClientConfig
from central.errors import DeniedError, TransferError
from central.http.answer import REDIRECTIONS, Answer, redirected, refusal
from central.http.caller import Caller, HungUpError
from central.link import Link
from host.host import Host

MAX_REDIRECTIONS = 5
"""One after the other; browsers follow 20, and no honest server of files needs more than one."""


class Kept:
    """Connections that outlive what they were opened for, one to each server at most."""

    def __init__(self) -> None:
        self._callers: dict[str, Caller] = {}

    def take(self, link: Link) -> Caller | None:
        """The connection to the link's server, if there is one, which is the taker's now."""
        caller = self._callers.pop(link.authority, None)
        if caller is None or not caller.idle:
            if caller is not None:
                caller.close()
            return None
        caller.turn_to(link)
        return caller

    def leave(self, link: Link, caller: Caller) -> None:
        """Have a connection to the link's server."""
        if (other := self._callers.pop(link.authority, None)) is not None:
            other.close()
        self._callers[link.authority] = caller

    def close(self) -> None:
        """End them all."""
        while self._callers:
            self._callers.popitem()[1].close()


class Session:
    """Asks one server, one request at a time unless its user asks the caller itself for more."""

    def __init__(
        self, host: Host, link: Link, config: ClientConfig, kept: Kept | None = None
    ) -> None:
        """`kept`: where a connection may come from, and is left by `leave`.

        Raises DeniedError for a token that cannot be sent.
        """
        self._kept = kept
        self._host = host
        self._link = link
        self._config = config
        self._redirections = 0
        self.caller: Caller | None = None
        self.target = link.target
        """What is asked for; redirections change it."""
        if config.token is not None and re.fullmatch("[!-~]+", config.token) is None:
            raise DeniedError("the token has characters that no token has; was it cut or quoted?")

    def fields(self, *more: tuple[str, str]) -> list[tuple[str, str]]:
        """The fields of a request: those that every one has, and `more`."""
        fields = [("Host", self._link.authority), ("User-Agent", "fileshare-lab")]
        if self._config.token is not None:
            fields.append(("Authorization", f"Bearer {self._config.token}"))
        if self._config.close_each:
            fields.append(("Connection", "close"))
        return fields + list(more)

    async def connected(self) -> Caller:
        """The connection that is there, or a new one. Raises TransferError."""
        if self.caller is None and self._kept is not None:
            self.caller = self._kept.take(self._link)
        if self.caller is None:
            caller = Caller(self._host, self._link, self._config.patience_s)
            try:
                await caller.open()
            except BaseException:
                caller.close()
                raise
            self.caller = caller
        return self.caller

    async def get(self, target: str, *more: tuple[str, str], method: str = "GET") -> Answer:
        """Ask for a target, where necessary once more, and follow redirections.

        The answer is any other than a redirection; its body, if it has one, is still to be read.
        Raises CentralError.
        """
        self.target, self._redirections = target, 0
        while True:
            caller = await self.connected()
            used = caller.answers > 0
            caller.ask(method, self.target, self.fields(*more))
            try:
                answer = await caller.answer()
            except HungUpError:
                self.drop()
                if not used:
                    raise
                continue
            if answer.status not in REDIRECTIONS:
                return answer
            self.redirect(answer)

    def redirect(self, answer: Answer) -> None:
        """Ask elsewhere on this server from now on. Raises TransferError when that is no use."""
        self._redirections += 1
        if self._redirections > MAX_REDIRECTIONS:
            raise TransferError(f"{self._link.path or '/'}: the server redirects in circles")
        self.target = redirected(answer, self._link, self.target)
        self.drop()

    def refusal(self, answer: Answer) -> Exception:
        """The error that an answer stands for."""
        return refusal(answer, self._link.path or "/", token=self._config.token is not None)

    def release(self, answer: Answer) -> None:
        """The answer was read to its end: keep the connection if that is agreed on."""
        if self._config.close_each or not answer.reusable:
            self.drop()

    def leave(self) -> None:
        """Nothing more is asked here: keep the connection for another session, or end it."""
        if self._kept is not None and self.caller is not None and self.caller.idle:
            self._kept.leave(self._link, self.caller)
            self.caller = None
        self.drop()

    def drop(self) -> None:
        """Give the connection up; the next request opens another."""
        if self.caller is not None:
            self.caller.close()
            self.caller = None
