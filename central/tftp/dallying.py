"""Staying a while after the last acknowledgement, lest that one is lost (RFC 1350, section 6)."""

from __future__ import annotations

import asyncio

from central.tftp.conversation import Conversation, EndedError, PeerError
from central.tftp.packets import Data, PacketError
from central.tftp.receiving import Receiver
from host.host import Host

DALLY_S = 5.0
"""Seconds that a receiver stays: the fixed retransmission time of most senders."""

MOST_DALLYING = 16
"""Finished fetches of one host that keep their port at a time; one more, and the oldest gives its
up, as TCP does with connections in TIME-WAIT (tcp(7): tcp_max_tw_buckets)."""


async def dally(conversation: Conversation, receiver: Receiver) -> None:
    """Acknowledge the last block again for as long as it may come again, then close.

    Raises PeerError, EndedError, PacketError.
    """
    deadline = conversation.now() + DALLY_S
    try:
        while (packet := await conversation.receive(deadline)) is not None:
            if isinstance(packet, Data):
                answer = receiver.take(packet, conversation.now()).answer
                if answer is not None:
                    await conversation.send(answer)
    finally:
        conversation.close()


def leave_dallying(host: Host, conversation: Conversation, receiver: Receiver) -> None:
    """Dally after the caller has gone on; ends with the host at the latest."""
    others = host.dallying
    if len(others) >= MOST_DALLYING:
        oldest = next(iter(others))
        del others[oldest]
        oldest.close()
    others[conversation] = None

    def forget(task: asyncio.Task[None]) -> None:
        others.pop(conversation, None)

    task = host.spawn(_dally_alone(conversation, receiver), "waits whether the last ACK arrived")
    task.add_done_callback(forget)


async def _dally_alone(conversation: Conversation, receiver: Receiver) -> None:
    """Dally where nobody cares any more what goes wrong."""
    try:
        await dally(conversation, receiver)
    except (PeerError, EndedError, PacketError):
        pass
