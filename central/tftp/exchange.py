"""The two halves of a transfer in motion: packets between a conversation and a pure core."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from central.errors import TransferError
from central.tftp.conversation import Conversation
from central.tftp.packets import Ack, Data, OptionAck, Packet
from central.tftp.receiving import Receiver
from central.tftp.sending import NUMBERS, Sender
from central.tftp.timer import Patience


class SilentError(TransferError):
    """The other end says nothing (any more), or too little."""


async def send_blocks(
    conversation: Conversation,
    sender: Sender,
    read: Callable[[int, int], Awaitable[bytes]],
    patience: Patience,
    moved: Callable[[int], None] = lambda size: None,
) -> None:
    """Send all that `sender` has, each block from `read(offset, size)`.

    `moved` gets the bytes that are newly acknowledged.  Raises SilentError, PeerError, EndedError
    and what `read` raises.
    """
    while not sender.done:
        block = sender.due()
        packet: Packet | None
        if block is not None:
            data = await read(*sender.span(block))
            await conversation.send(Data(block % NUMBERS, data))
            sender.left(conversation.now())
            packet = await conversation.receive_now()
        else:
            packet = await _await(conversation, sender.deadline, patience)
            if packet is None:
                sender.expire(conversation.now())
                if sender.exhausted:
                    raise SilentError("the other end is silent")
        if isinstance(packet, Ack):
            size = sender.acknowledge(packet.number, conversation.now())
            patience.moved(size)
            moved(size)


async def receive_blocks(
    conversation: Conversation,
    receiver: Receiver,
    store: Callable[[bytes], Awaitable[None]],
    patience: Patience,
    first: Packet | None = None,
) -> None:
    """Receive until the last block is here, each given to `store`; that block is not yet answered.

    `first` is a packet that has come before.  Raises SilentError, PeerError, EndedError,
    PacketError and what `store` raises.
    """
    packet = first
    while not receiver.ended:
        answer: Ack | None = None
        if packet is None:
            packet = await _await(conversation, receiver.deadline, patience)
            if packet is None:
                answer = receiver.expire(conversation.now())
        if isinstance(packet, Data):
            accepted, answer = receiver.take(packet, conversation.now())
            patience.moved(len(packet.data) if accepted else 0)
            if accepted:
                await store(packet.data)
        elif isinstance(packet, OptionAck) and not receiver.begun:
            answer = receiver.answer()  # the one that was lost
        if answer is not None:
            await conversation.send(answer)
        packet = None


async def _await(conversation: Conversation, deadline: float, patience: Patience) -> Packet | None:
    """The next packet, or None when `deadline` has come. Raises SilentError as patience ends."""
    began = conversation.now()
    end = began + patience.left_s
    packet = await conversation.receive(min(deadline, end))
    if packet is None and end <= deadline:
        raise SilentError("the other end is silent")
    patience.waited(conversation.now() - began)
    return packet
