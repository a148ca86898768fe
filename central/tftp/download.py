"""A file sent to a client that asked to read it (RRQ)."""

from __future__ import annotations

from central.access.permit import Permit
from central.library.library import Opened
from central.site import Site
from central.tftp.conversation import Conversation
from central.tftp.exchange import send_blocks
from central.tftp.options import Options, widest_window
from central.tftp.packets import Data, FileRequest
from central.tftp.reading import Stretch
from central.tftp.sending import Sender
from central.tftp.transfer import Transfer, is_ack_of
from host.datagram import Address


class Download(Transfer):
    """Sends an open file, which it closes."""

    def __init__(
        self,
        site: Site,
        request: FileRequest,
        options: Options,
        source: Address,
        permit: Permit,
        opened: Opened,
    ) -> None:
        super().__init__(site, request, options, source, permit)
        self._opened = opened
        self._size = opened.entry.size

    async def run(self) -> None:
        """Send the file and close it."""
        try:
            await super().run()
        finally:
            self._opened.close()

    async def carry_out(self, conversation: Conversation) -> None:
        """Send the file, or the rest of it."""
        answer = self._answer()
        start = answer.offset or 0
        left = self._size - start
        share = left / self._size if self._size else 1.0
        self.permit.reserve(share)
        sender = Sender(left, answer.block_size, answer.window, self.new_timer())
        try:
            await self._send(conversation, answer, start, sender)
        finally:
            self._sent = sender.sent_bytes
            unsent = left - self._sent
            if unsent or self.expendable:
                self.permit.refund(unsent / self._size if self._size else share)

    async def _send(
        self, conversation: Conversation, answer: Options, start: int, sender: Sender
    ) -> None:
        window_bytes = answer.window * answer.block_size
        file = Stretch(self.host, self._opened.file.fileno(), start, window_bytes)

        async def read(offset: int, size: int) -> bytes:
            data = await file.read(offset, size)
            await self.permit.pace(size)
            return data

        agreement = self.agreement(answer)
        if agreement is not None:
            await self.introduce(agreement, is_ack_of(0))
        else:
            first = Data(1, await read(*sender.span(1)))
            sender.left(conversation.now())
            await self.introduce(first, is_ack_of(1))
            sender.acknowledge(1, conversation.now())
        await send_blocks(conversation, sender, read, self.new_patience())
        self._status = 200

    def _answer(self) -> Options:
        """What we agree to of what the client asked for."""
        asked, entry = self.options, self._opened.entry
        offset = asked.offset
        if offset is not None and (asked.etag != entry.etag or offset > self._size):
            offset = 0
        return Options(
            blksize=asked.blksize,
            windowsize=asked.windowsize and widest_window(asked.windowsize, asked.block_size),
            timeout=asked.timeout,
            # curl takes a size of 0 for an error, and needs none.
            tsize=None if asked.tsize is None else self._size or None,
            etag=None if asked.etag is None else entry.etag,
            offset=offset,
            sha256=asked.sha256 and self.site.library.known_digest(self._opened),
        )
