"""How a client begins: a request that is sent until somebody answers, and what refusals mean."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from central.config import ClientConfig
from central.errors import (
    BusyError,
    CentralError,
    DeniedError,
    DiskError,
    NotFoundError,
    TransferError,
)
from central.link import Link
from central.tftp.conversation import Conversation, PeerError
from central.tftp.exchange import SilentError
from central.tftp.options import MIN_BLOCK, MOST_WINDOW, Options
from central.tftp.packets import (
    BUSY,
    MAX_BLOCK,
    Ack,
    Data,
    ErrorCode,
    FileRequest,
    OptionAck,
    Packet,
    PacketError,
    encode,
)
from central.tftp.timer import Timer
from host.datagram import Address
from host.host import Host


def wishes(config: ClientConfig) -> Options:
    """What any transfer of ours asks for."""
    return Options(
        blksize=min(max(config.block_size, MIN_BLOCK), MAX_BLOCK),
        windowsize=min(max(config.window, 1), MOST_WINDOW),
        token=config.token,
    )


@asynccontextmanager
async def conversing(host: Host) -> AsyncIterator[Conversation]:
    """A conversation that is ended with the block if that fails; else who had it closes it."""
    conversation = await Conversation.open(host, None)
    try:
        yield conversation
    except PeerError:
        conversation.close()
        raise
    except PacketError as error:
        await conversation.end(error.code, str(error))
        raise
    except BaseException:
        await conversation.end(ErrorCode.OTHER, "given up")
        raise


@contextmanager
def clearly(link: Link, config: ClientConfig) -> Iterator[None]:
    """Make one line of what goes wrong within the block."""
    try:
        yield
    except PeerError as error:
        raise _refusal(link, error) from None
    except PacketError as error:
        raise TransferError(f"{link.path}: {link.authority} broke the protocol: {error}") from None
    except SilentError:
        raise TransferError(
            f"{link.path}: no word from {link.authority} for {config.patience_s:g} s"
        ) from None
    except OSError as error:
        raise TransferError(f"{link.path}: no port to ask from: {error.strerror}") from None


def _refusal(link: Link, error: PeerError) -> CentralError:
    """What the server's ERROR means."""
    line = f"{link.path}: {link.authority} says: {error}"
    if error.code == ErrorCode.DISK_FULL:
        return DiskError(line)
    if error.code == ErrorCode.NOT_FOUND:
        return NotFoundError(line)
    if error.code == ErrorCode.DENIED:
        return DeniedError(line)
    if error.code == ErrorCode.OTHER and str(error).startswith(BUSY):
        return BusyError(line)
    return TransferError(line)


async def ask(
    host: Host, conversation: Conversation, link: Link, request: FileRequest, config: ClientConfig
) -> Packet:
    """Send the request until its answer comes, and return that: OACK, ACK 0 or a block.

    Raises SilentError, PeerError, TransferError.
    """
    try:
        datagram = encode(request)
    except PacketError:
        raise TransferError(
            f"{link.path}: its name and the options do not fit a TFTP request of 512 bytes"
        ) from None
    give_up = conversation.now() + config.patience_s
    server = await _resolve(host, link, give_up)
    timer = Timer(config.retransmit_s)
    while True:
        await conversation.ask(server, datagram)
        timer.start(conversation.now())
        while packet := await conversation.receive(min(timer.deadline, give_up)):
            if isinstance(packet, OptionAck | Data) or (isinstance(packet, Ack) and request.write):
                return packet
        if give_up <= timer.deadline:
            raise SilentError("nobody answers")
        timer.expire(conversation.now())


async def _resolve(host: Host, link: Link, deadline: float) -> Address:
    """The server's IPv4 address and port; a name is looked up until `deadline` (of the loop).

    Raises TransferError.
    """
    try:
        return str(ipaddress.IPv4Address(link.address)), link.port
    except ValueError:
        pass
    try:
        async with asyncio.timeout_at(deadline):
            found = await host.loop.getaddrinfo(
                link.address, link.port, family=socket.AF_INET, type=socket.SOCK_DGRAM
            )
    except (OSError, UnicodeError):  # TimeoutError too; UnicodeError: a label is too long
        raise TransferError(f"{link.authority}: no IPv4 address is known for it") from None
    address: Address = found[0][4][:2]  # type: ignore[assignment]
    return address
