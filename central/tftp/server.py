"""The TFTP server: takes requests at one port and gives each transfer a port of its own (RFC 1350).

Only mode octet is served: netascii would be another file, and mail is obsolete.  A request from a
source with a transfer under way is that same request again; one from a source whose upload is
stored, and which only stays for a lost acknowledgement, is a new one.
"""

from __future__ import annotations

import asyncio

import asyncio_dgram

from central.access.log import Request
from central.access.permit import Permit
from central.errors import BusyError, CentralError, NotFoundError
from central.site import Site
from central.tftp.download import Download
from central.tftp.options import Options, read
from central.tftp.packets import Error, ErrorCode, FileRequest, PacketError, encode, parse
from central.tftp.transfer import Transfer, line_of, text_of, verdict
from central.tftp.upload import Uploading
from host.datagram import Address, DatagramEndpoint

PER_ADDRESS = 0.5
"""Share of all transfers that one address may have."""


class TftpServer:
    """One site's way in for TFTP clients."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._endpoint: DatagramEndpoint | None = None
        self._listening: asyncio.Task[None] | None = None
        self._transfers: dict[Address, Transfer] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}

    async def start(self, port: int) -> Address:
        """Listen at `port`, and return where. Raises OSError."""
        self._endpoint = await self._site.host.datagram(port)
        self._listening = self._site.host.spawn(self._listen(self._endpoint), "TFTP requests")
        return self._endpoint.sockname

    async def close(self) -> None:
        """Take no more requests, and tell those under way that it is over."""
        if self._endpoint is None or self._listening is None:
            return
        self._endpoint.close()
        for transfer in list(self._transfers.values()):
            await transfer.end(ErrorCode.OTHER, "the server is closing")
        tasks = [self._listening, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, endpoint: DatagramEndpoint) -> None:
        while True:
            try:
                datagram, source = await endpoint.recv()
                answer = await self._requested(datagram, source)
                if answer is not None:
                    await endpoint.send(encode(answer), source)
            except asyncio_dgram.TransportClosed:
                return

    async def _requested(self, datagram: bytes, source: Address) -> Error | None:
        """Begin what a datagram asks for; returns the refusal if it is refused."""
        try:
            packet = parse(datagram)
        except PacketError as error:
            asked = datagram[:2] in (b"\0\1", b"\0\2")
            return Error(error.code, str(error)) if asked else None
        if not isinstance(packet, FileRequest):
            return None
        transfer = self._transfers.get(source)
        if transfer is not None and not transfer.over:
            await transfer.again(packet)
            return None
        if transfer is not None:
            self._leave(transfer)
            transfer.abandon()
        try:
            self._begin(packet, source)
        except (CentralError, PacketError) as error:
            code, status = verdict(error)
            self._log_refusal(packet, source, status)
            return Error(code, text_of(error))
        return None

    def _begin(self, request: FileRequest, source: Address) -> None:
        """Begin a transfer. Raises CentralError and PacketError where it is refused."""
        options = read(request.options)
        permit = self._site.guard.check(options.token, "write" if request.write else "read")
        if request.mode != "octet":
            raise PacketError(ErrorCode.ILLEGAL, "expected mode octet")
        self._enter(source)
        try:
            transfer = self._transfer(request, options, source, permit)
        except BaseException:
            self._site.admission.leave(source[0])
            raise
        self._transfers[source] = transfer
        task = self._site.host.spawn(self._run(transfer), f"TFTP with {source[0]}:{source[1]}")
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    def _transfer(
        self, request: FileRequest, options: Options, source: Address, permit: Permit
    ) -> Transfer:
        if request.write:
            return Uploading(self._site, request, options, source, permit)
        opened = self._site.library.open(request.name)
        if opened is None:
            raise NotFoundError("no such file")
        return Download(self._site, request, options, source, permit, opened)

    async def _run(self, transfer: Transfer) -> None:
        try:
            await transfer.run()
        finally:
            self._leave(transfer)
            transfer.log()

    # ---- how many

    def _enter(self, source: Address) -> None:
        """Count a transfer from `source` in, in the place of one that nobody would miss if need be.

        That is the oldest that has never answered: of a flood of forged requests it is the one that
        has had the most time.  Raises BusyError.
        """
        while (reason := self._refusal(source[0])) is not None:
            mine = [each for each in self._transfers.values() if each.source[0] == source[0]]
            full = len(self._transfers) >= self._site.limits.transfers
            among = self._transfers.values() if full else mine
            oldest = next((each for each in among if each.expendable), None)
            if oldest is None:
                raise BusyError(reason)
            self._leave(oldest)
            oldest.abandon()

    def _refusal(self, address: str) -> str | None:
        most = self._site.limits.transfers
        if len(self._transfers) >= most:
            return "too many transfers"
        mine = sum(1 for each in self._transfers.values() if each.source[0] == address)
        if mine >= max(1, most * PER_ADDRESS):
            return "too many transfers from this address"
        return self._site.admission.enter(address)

    def _leave(self, transfer: Transfer) -> None:
        if self._transfers.get(transfer.source) is transfer:
            del self._transfers[transfer.source]
            self._site.admission.leave(transfer.source[0])

    def _log_refusal(self, request: FileRequest, source: Address, status: int) -> None:
        self._site.log(
            Request(
                address=source[0],
                user="-",
                date=self._site.host.date(),
                line=line_of(request),
                status=status,
                sent=0,
            )
        )
