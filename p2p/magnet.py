"""Magnet links: a torrent by its infohash, peers that have it, files to select (BEP 9, BEP 53).

Or a torrent that changes, by the key whose owner says which is the newest (BEP 46).
"""

import base64
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from p2p.dht.items import KEY_LENGTH, MAX_SALT
from p2p.errors import MagnetError

MAX_TEXT = 8 * 1024  # characters; the request line that web servers commonly accept
MAX_PEERS = 200  # libtorrent, num_want: the peers it asks a tracker for
MAX_LENGTH = 2**63 - 1  # bytes; what a bencoded length can say
MAX_FILE = 10_000  # libtorrent, the highest file index that a link can select
MAX_SELECTED = MAX_FILE + 1  # files; as many as can be selected once each

_SCHEME = "magnet:?"
_TOPIC = "urn:btih:"
_TOPIC_V2 = "urn:btmh:"
_KEY = "urn:btpk:"
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}")
_PEER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+)):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True)
class Magnet:
    """What a magnet link says; `str()` gives the link. Raises MagnetError on bad values."""

    infohash: bytes
    """20 bytes."""
    name: str | None = None
    """A name to show until the metadata is here; never a path."""
    length: int | None = None
    """Bytes of the file."""
    peers: tuple[tuple[str, int], ...] = ()
    """Host name or address (IPv6 without brackets), and port."""
    select: tuple[tuple[int, int], ...] = ()
    """The files to fetch: first and last of each run of them, from 0 on; none: all."""

    def __post_init__(self) -> None:
        if len(self.infohash) != 20:
            raise MagnetError(f"infohash of {len(self.infohash)} bytes: expected 20")
        if self.length is not None and not 0 <= self.length <= MAX_LENGTH:
            raise MagnetError(f"xl={self.length}: expected 0 to {MAX_LENGTH} bytes")
        _check_peers(self.peers)
        for first, last in self.select:
            if not 0 <= first <= last <= MAX_FILE:
                raise MagnetError(f"so: expected files 0 to {MAX_FILE}, found {first}-{last}")
        if sum(last - first + 1 for first, last in self.select) > MAX_SELECTED:
            raise MagnetError(f"so: expected at most {MAX_SELECTED} files")

    def __str__(self) -> str:
        fields = [("xt", _TOPIC + self.infohash.hex())]
        if self.name:
            fields.append(("dn", self.name))
        if self.length is not None:
            fields.append(("xl", str(self.length)))
        if self.select:
            fields.append(("so", ",".join(map(_write_range, self.select))))
        return _written([*fields, *map(_peer_field, self.peers)])


@dataclass(frozen=True)
class UpdateMagnet:
    """A link to whatever torrent is the newest of a publisher; `str()` gives the link.

    Raises MagnetError on bad values.
    """

    key: bytes
    """The publisher's public key, 32 bytes."""
    salt: bytes = b""
    """Tells the publisher's torrents apart, 64 bytes at most."""
    peers: tuple[tuple[str, int], ...] = ()
    """Ways into the DHT: host name or address, and port."""

    def __post_init__(self) -> None:
        _check_peers(self.peers)
        if len(self.key) != KEY_LENGTH:
            raise MagnetError(f"public key of {len(self.key)} bytes: expected {KEY_LENGTH}")
        if len(self.salt) > MAX_SALT:
            raise MagnetError(f"salt of {len(self.salt)} bytes: expected at most {MAX_SALT}")

    def __str__(self) -> str:
        fields = [("xs", _KEY + self.key.hex())]
        if self.salt:
            fields.append(("s", self.salt.hex()))
        return _written([*fields, *map(_peer_field, self.peers)])


def parse(text: str) -> Magnet:
    """Read a magnet link to a torrent. Raises MagnetError.

    Keys that are not understood are ignored, trackers (tr) and web seeds (ws) among them, and so
    is the BitTorrent v2 hash of a link that has both.
    """
    link = parse_any(text)
    if isinstance(link, UpdateMagnet):
        raise MagnetError(f"expected the link of one torrent (xt={_TOPIC}...), found xs={_KEY}...")
    return link


def parse_update(text: str) -> UpdateMagnet:
    """Read a magnet link to a torrent that changes. Raises MagnetError."""
    link = parse_any(text)
    if isinstance(link, Magnet):
        raise MagnetError(f"expected the link of a publisher (xs={_KEY}...), found a torrent's")
    return link


def parse_any(text: str) -> Magnet | UpdateMagnet:
    """Read a magnet link of either kind; one that names a torrent is a link to that torrent.

    Raises MagnetError, as `parse` does.
    """
    fields = _fields(text)
    topics, sources = fields.get("xt", []), fields.get("xs", [])
    keys = {source for source in sources if source.lower().startswith(_KEY)}
    if keys and not topics:
        return UpdateMagnet(
            key=_only_key(keys),
            salt=_hex("s", fields.get("s", [""])[0]),
            peers=tuple(map(_peer, fields.get("x.pe", ()))),
        )
    return Magnet(
        infohash=_only_infohash(topics),
        name=fields.get("dn", [None])[0],
        length=_length(fields["xl"][0]) if "xl" in fields else None,
        peers=tuple(map(_peer, fields.get("x.pe", ()))),
        select=tuple(_range(part) for text in fields.get("so", ()) for part in text.split(",")),
    )


def _check_peers(peers: tuple[tuple[str, int], ...]) -> None:
    if len(peers) > MAX_PEERS:
        raise MagnetError(f"{len(peers)} peers: expected at most {MAX_PEERS}")
    for host, port in peers:
        if not _is_host(host):
            raise MagnetError(f"x.pe: expected a host name or address, found {host[:40]!r}")
        if not 0 < port < 65536:
            raise MagnetError(f"x.pe: expected a port from 1 to 65535, found {port}")


def _peer_field(peer: tuple[str, int]) -> tuple[str, str]:
    host, port = peer
    return "x.pe", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _written(fields: list[tuple[str, str]]) -> str:
    return _SCHEME + urlencode(fields, safe=":[],", quote_via=quote)


def _fields(text: str) -> dict[str, list[str]]:
    if len(text) > MAX_TEXT:
        raise MagnetError(f"magnet link of {len(text)} characters: expected at most {MAX_TEXT}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MagnetError("magnet link: expected text that UTF-8 can hold") from error
    text = text.strip()
    if text[: len(_SCHEME)].lower() != _SCHEME:
        raise MagnetError(f"expected a link that begins with {_SCHEME}, found {text[:20]!r}")
    fields: dict[str, list[str]] = {}
    for key, value in parse_qsl(text[len(_SCHEME) :]):
        fields.setdefault(key, []).append(value)
    return fields


def _only_key(sources: set[str]) -> bytes:
    found = {_hex("xs", source[len(_KEY) :]) for source in sources}
    if len(found) != 1:
        raise MagnetError(f"expected one public key (xs={_KEY}...), found {len(found)}")
    return found.pop()


def _hex(name: str, digits: str) -> bytes:
    if not re.fullmatch("([0-9A-Fa-f]{2})*", digits):
        raise MagnetError(f"{name}: expected pairs of hex digits, found {digits[:80]!r}")
    return bytes.fromhex(digits)


def _only_infohash(topics: list[str]) -> bytes:
    found = {_infohash(topic) for topic in topics if topic.lower().startswith(_TOPIC)}
    if not found and any(topic.lower().startswith(_TOPIC_V2) for topic in topics):
        raise MagnetError(f"xt={_TOPIC_V2}...: BitTorrent v2 is not supported, expected {_TOPIC}")
    if len(found) != 1:
        raise MagnetError(f"expected one infohash (xt={_TOPIC}...), found {len(found)}")
    return found.pop()


def _infohash(topic: str) -> bytes:
    digits = topic[len(_TOPIC) :]
    if re.fullmatch("[0-9A-Fa-f]{40}", digits):
        return bytes.fromhex(digits)
    if re.fullmatch("[2-7A-Za-z]{32}", digits):
        return base64.b32decode(digits.upper())
    raise MagnetError(f"xt: expected 40 hex or 32 base32 digits, found {digits[:60]!r}")


def _length(text: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", text):
        raise MagnetError(f"xl: expected a number of bytes, found {text[:40]!r}")
    return int(text)


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise MagnetError(f"so: expected file numbers like 0,2,4-6, found {text[:40]!r}")
    first, last = match.groups()
    return int(first), int(last or first)


def _write_range(files: tuple[int, int]) -> str:
    first, last = files
    return str(first) if first == last else f"{first}-{last}"


def _peer(text: str) -> tuple[str, int]:
    match = _PEER.fullmatch(text)
    if match is None:
        raise MagnetError(f"x.pe: expected host:port or [IPv6]:port, found {text[:40]!r}")
    v6, host, port = match.groups()
    return v6 or host, int(port)


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        return "%" not in host and ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
