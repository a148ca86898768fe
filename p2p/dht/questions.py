"""Questions under way to other DHT nodes: repeated once, matched with their answers (BEP 5)."""

from __future__ import annotations

import asyncio
import random
from typing import TypeAlias

import asyncio_dgram

from host.datagram import DatagramEndpoint
from p2p.dht.krpc import encode
from p2p.dht.messages import Address, Failure, Query, Question, Reply

ATTEMPTS = 2
"""Times that a question is sent before it has failed, for datagrams get lost.  The second time has
twice the patience, as in any backoff."""

TRANSACTION_LENGTH = 4  # bytes; BEP 5's two are guessed by 65,536 forged answers

Answer: TypeAlias = Reply | Failure


class Questions:
    """Asks through one endpoint.  An answer counts by its transaction id and its address."""

    def __init__(self, endpoint: DatagramEndpoint, rng: random.Random) -> None:
        self._endpoint = endpoint
        self._rng = rng
        self._waiting: dict[Address, dict[bytes, asyncio.Future[Answer | None]]] = {}
        self._closed = False

    async def ask(self, address: Address, question: Question, patience_s: float) -> Answer | None:
        """What the address answers, None when it answers nothing in three times `patience_s`."""
        if self._closed:
            return None
        transaction = self._rng.randbytes(TRANSACTION_LENGTH)
        data = encode(Query(transaction, question))
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, {})[transaction] = future
        try:
            for attempt in range(ATTEMPTS):
                await self._endpoint.send(data, address)
                await asyncio.wait([future], timeout=patience_s * 2**attempt)
                if future.done():
                    return future.result()
            return None
        except asyncio_dgram.TransportClosed:
            return None
        finally:
            del self._waiting[address][transaction]
            if not self._waiting[address]:
                del self._waiting[address]

    def expects(self, address: Address) -> bool:
        """Whether an answer from there may come."""
        return address in self._waiting

    def answered(self, address: Address, answer: Answer) -> None:
        """An answer is here; ignored when nothing asked for it, or not there, or not any more."""
        future = self._waiting.get(address, {}).get(answer.transaction)
        if future is not None and not future.done():
            future.set_result(answer)

    def close(self) -> None:
        """Wait for nothing any more."""
        self._closed = True
        for futures in self._waiting.values():
            for future in futures.values():
                if not future.done():
                    future.set_result(None)
