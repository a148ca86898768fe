"""What a server has, by the JSON of its folders, asked for as often as one likes.

That is cheap: If-None-Match gets 304 and no body while nothing changes (RFC 9110, 13.1.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from central.config import ClientConfig
from central.errors import NotFoundError, TransferError
from central.http.answer import MAX_SIZE
from central.http.page import Listing
from central.http.session import Session
from central.library.changes import changes_between
from central.library.library import Change, Entry
from central.link import Link
from central.paths import parse_path
from host.host import Host

MAX_LISTING = 64 * 1024 * 1024
"""Bytes of a folder's listing, or of those of all that are watched: some 300,000 files."""

MAX_FOLDERS = 10_000
"""Folders that are watched: each costs a request every time."""


@dataclass(frozen=True)
class Item:
    """A line of a listing."""

    entry: Entry
    etag: str
    """The server's name for this version of the file; the entry of another one may be equal."""


@dataclass(frozen=True)
class _Read:
    """A folder as it was when it was last read."""

    etag: str | None
    size: int
    items: dict[str, Item]


class Folders:
    """The folders of one server, asked for as often as one likes."""

    def __init__(self, host: Host, link: Link, config: ClientConfig) -> None:
        """`link` names the one that is looked at."""
        self._top = link.path
        self._session = Session(host, link, config)
        self._known: dict[str, _Read] = {}

    async def read(self, path: str, wait_s: int | None = None) -> dict[str, Item]:
        """What is in a folder, by path; the path of a folder in it ends with `/`.

        The server may take `wait_s` seconds while it is as it was when last read; what is returned
        then is the same object.  Raises CentralError.
        """
        known = self._known.get(path)
        more = [("Accept", "application/json")]
        if known is not None and known.etag is not None:
            more.append(("If-None-Match", known.etag))
            if wait_s is not None:
                more.append(("Prefer", f"wait={wait_s}"))
        target = f"/{quote(path)}/" if path else "/"
        answer = await self._session.get(target, *more)
        if answer.status != 200 and not (answer.status == 304 and known and known.etag):
            raise self._session.refusal(answer)
        body = await self._body()
        self._session.release(answer)
        if answer.status == 304:
            assert known is not None
            return known.items
        self._known[path] = _Read(answer.fields.get("etag"), len(body), parse_listing(body, path))
        return self._known[path].items

    async def files(self) -> dict[str, Item]:
        """All files in the folder and in those below it. Raises CentralError."""
        files: dict[str, Item] = {}
        waiting, known, size = [self._top], {}, 0
        while waiting:
            path = waiting.pop()
            try:
                items = await self.read(path)
            except NotFoundError:
                if path == self._top:
                    raise
                continue  # gone since the folder that it was in was read
            known[path] = self._known[path]
            size += known[path].size
            if len(known) > MAX_FOLDERS or size > MAX_LISTING:
                raise TransferError(f"{self._top or '/'}: there is more than can be watched")
            for below, item in items.items():
                if below.endswith("/"):
                    waiting.append(below.removesuffix("/"))
                else:
                    files[below] = item
        self._known = known
        return files

    def close(self) -> None:
        """End the connection; another question opens another."""
        self._session.drop()

    async def _body(self) -> bytes:
        caller = await self._session.connected()
        body = bytearray()
        while (data := await caller.piece()) is not None:
            body += data
            if len(body) > MAX_LISTING:
                raise TransferError(f"{self._top or '/'}: a listing of more than {MAX_LISTING} B")
        return bytes(body)


def parse_listing(body: bytes, folder: str) -> dict[str, Item]:
    """The entries of a folder's JSON by path, sorted. Raises TransferError.

    One with a path that is not plain or not directly in the folder makes all of it suspect.
    """
    try:
        listed = msgspec.json.decode(body, type=Listing).entries
    except (ValueError, RecursionError) as error:
        raise TransferError(f"{folder or '/'}: this is no listing of ours: {error}") from None
    items = {}
    for each in listed:
        path = each.path.removesuffix("/") if each.folder else each.path
        if parse_path(path) is None or path.rpartition("/")[0] != folder:
            raise TransferError(f"{folder or '/'}: no path for a listing: {path[:80]!a}")
        if not 0 <= each.size <= MAX_SIZE or abs(each.modified_ns) > MAX_SIZE:
            raise TransferError(f"{folder or '/'}: {path[:80]!a} has a size or time of no file")
        path += "/" if each.folder else ""
        size = 0 if each.folder else each.size
        items[path] = Item(Entry(path=path, size=size, modified_ns=each.modified_ns), each.etag)
    return dict(sorted(items.items()))


def changes(before: Mapping[str, Item], now: Mapping[str, Item]) -> Iterator[Change]:
    """What happened between two looks: removals, then the rest, each by path."""
    return changes_between(before, now, lambda item: item.entry)


async def listing(host: Host, link: Link, config: ClientConfig) -> list[Entry]:
    """What is directly in the folder `link.path`, sorted by path. Raises CentralError."""
    folders = Folders(host, link, config)
    try:
        return [item.entry for item in (await folders.read(link.path)).values()]
    finally:
        folders.close()
