"""The body of a request, taken out of its framing (RFC 9112, sections 6 and 7), over h11."""

from __future__ import annotations

import h11

from central.http.request import END, BadRequestError, Head

OVERHEAD = 16 * 1024
"""Bytes of chunked framing that are put up with beyond `OVERHEAD_RATE`; without a bound, chunk
extensions cost a server work and give it nothing (CVE-2023-39326)."""

OVERHEAD_RATE = 8
"""Bytes of framing for a byte of content: a chunk of one byte has five."""


class Body:
    """Takes what comes and gives what it holds."""

    def __init__(self, head: Head, limit: int) -> None:
        """Raises BadRequestError (413) when it is known to be longer than `limit` bytes."""
        self._reader = head.reader
        self._left = head.length
        self._limit = limit
        self._fed = 0
        self._tail = b""
        self.size = 0
        """Bytes of content so far."""
        self.done = head.length == 0
        self.rest = b""
        """What came behind it, once it is done."""
        if head.length is not None and head.length > limit:
            raise BadRequestError("the file is larger than is taken here", 413)

    def feed(self, data: bytes) -> bytes:
        """The content in the next bytes that came. Raises BadRequestError."""
        content = self._feed_chunks(data) if self._left is None else self._feed_counted(data)
        self.size += len(content)
        if self.size > self._limit:
            raise BadRequestError("the file is larger than is taken here", 413)
        return content

    def _feed_counted(self, data: bytes) -> bytes:
        assert self._left is not None
        content, self.rest = data[: self._left], data[self._left :]
        self._left -= len(content)
        self.done = not self._left
        return content

    def _feed_chunks(self, data: bytes) -> bytes:
        self._reader.receive_data(data)
        self._fed += len(data)
        parts = []
        try:
            while isinstance(event := self._reader.next_event(), h11.Data):
                parts.append(event.data)
        except h11.RemoteProtocolError as error:
            raise BadRequestError(str(error), error.error_status_hint) from None
        content = b"".join(parts)
        end = self._tail + data
        self._tail = end[-len(END) :]
        if isinstance(event, h11.EndOfMessage):
            self.done = True
            self.rest = self._reader.trailing_data[0]
            # h11 takes a lone LF for the end of the trailer as well; others may not.
            if not end[: len(end) - len(self.rest)].endswith(END):
                raise BadRequestError("a lone LF at the end of the body")
        framing = self._fed - len(self.rest) - self.size - len(content)
        if framing > OVERHEAD + OVERHEAD_RATE * (self.size + len(content)):
            raise BadRequestError("chunks with more around them than in them")
        return content
