"""A file taken from a client that asked to write it (WRQ)."""

from __future__ import annotations

import asyncio

from central.errors import TransferError
from central.library.library import Upload
from central.tftp.conversation import Conversation
from central.tftp.dallying import dally
from central.tftp.exchange import receive_blocks
from central.tftp.options import Options, widest_window
from central.tftp.packets import Ack, Data
from central.tftp.receiving import Receiver
from central.tftp.timer import QuietTimer
from central.tftp.transfer import FullError, Transfer

WRITE_AT_ONCE = 64 * 1024
"""Bytes that are handed to the disk at a time."""


class Shelf:
    """Puts blocks away, many at a time, and refuses what is too much."""

    def __init__(self, transfer: Transfer, upload: Upload) -> None:
        self._transfer = transfer
        self._upload = upload
        self._most = transfer.site.limits.upload_bytes
        self._waiting = bytearray()
        self.size = 0
        """Bytes that have come."""

    async def put(self, data: bytes) -> None:
        """Take the next bytes. Raises FullError, OSError."""
        self.size += len(data)
        if self.size > self._most:
            raise FullError(f"a file may have {self._most} bytes here")
        await self._transfer.permit.pace(len(data))
        self._waiting += data
        if len(self._waiting) >= WRITE_AT_ONCE:
            await self.write()

    async def write(self) -> None:
        """Hand over what waits. Raises OSError."""
        data, self._waiting = self._waiting, bytearray()
        await self._transfer.host.compute(self._upload.write, data)


class Uploading(Transfer):
    """Receives a file and gives it its name."""

    async def carry_out(self, conversation: Conversation) -> None:
        """Take the file; its last block is acknowledged when the disk has it."""
        limit = self.site.limits.upload_bytes
        if self.options.tsize is not None and self.options.tsize > limit:
            raise FullError(f"a file may have {limit} bytes here")
        upload = self.site.library.begin_upload(self.request.name)
        try:
            await self._receive(conversation, upload)
        finally:
            upload.discard()

    async def _receive(self, conversation: Conversation, upload: Upload) -> None:
        answer = self._answer()
        receiver = Receiver(answer.block_size, answer.window, QuietTimer(self.new_timer().wait_s))
        shelf = Shelf(self, upload)
        first = await self.introduce(
            self.agreement(answer) or Ack(0), lambda packet: isinstance(packet, Data)
        )
        receiver.start(conversation.now())
        await receive_blocks(conversation, receiver, shelf.put, self.new_patience(), first)
        if self.options.tsize not in (None, shelf.size):
            raise TransferError(f"{shelf.size} of {self.options.tsize} bytes came")
        await self._store(conversation, receiver, shelf, upload)
        self.expendable = self.over = True
        await conversation.send(receiver.answer())
        await dally(conversation, receiver)

    async def _store(
        self, conversation: Conversation, receiver: Receiver, shelf: Shelf, upload: Upload
    ) -> None:
        """Give the file its name, and show the client that we live while the disk works.

        Some clients count what shows it as a retry, others give up after 5 s of silence: so it
        comes as seldom as a retransmission that backs off.
        """
        storing = self.host.spawn(self._commit(shelf, upload), "stores a TFTP upload")
        timer = self.new_timer()
        try:
            while not (await asyncio.wait([storing], timeout=timer.wait_s))[0]:
                await conversation.pass_over()
                await conversation.send(receiver.here())
                timer.expire(conversation.now())
            await conversation.pass_over()
        finally:
            # Whoever ends it now is told by the log whether that was in time.
            upload.discard()
            await asyncio.gather(storing, return_exceptions=True)
        storing.result()

    async def _commit(self, shelf: Shelf, upload: Upload) -> None:
        await shelf.write()
        await self.host.compute(upload.commit, self.options.sha256)
        self._status = 201

    def _answer(self) -> Options:
        """What we agree to of what the client asked for."""
        asked = self.options
        return Options(
            blksize=asked.blksize,
            windowsize=asked.windowsize and widest_window(asked.windowsize, asked.block_size),
            timeout=asked.timeout,
            tsize=asked.tsize,
            sha256=asked.sha256,
        )
