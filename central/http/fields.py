"""Header fields that a server reads and writes: tokens, digests, names of files, wishes.

RFC 6750 and RFC 7617 (Authorization), RFC 9530 (digests), RFC 6266 and RFC 8187
(Content-Disposition), RFC 9110, section 12.5.1 (Accept), RFC 7240 (Prefer).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from urllib.parse import quote

_SHA256 = re.compile(rb"(?:^|,)[ \t]*sha-256[ \t]*=[ \t]*:([A-Za-z0-9+/]{43}=):[ \t]*(?=,|$)")
_ANY_SHA256 = re.compile(rb"(?:^|,)[ \t]*sha-256[ \t]*(?:[=,;]|$)")
_WANTED = re.compile(rb"(?:^|,)[ \t]*sha-256=(10|[0-9])[ \t]*(?=[,;]|$)")
_BEARER = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_PLAIN = re.compile(r"[A-Za-z0-9 !#$&'()+,.;=@^_`{}~\[\]-]+")
"""Names that a quoted string holds as they are, without a way to misread them."""
_WAIT = re.compile(rb'(?:^|,)[ \t]*wait[ \t]*=[ \t]*("?)([0-9]{1,9})\1[ \t]*(?=[,;]|$)', re.I)
_QUALITY = re.compile(rb"[ \t]*q[ \t]*=[ \t]*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*", re.I)


def names_here(host: bytes) -> bool:
    """True when a Host field can only mean this computer: an address, or a name without a dot.

    Any other name may be one that a stranger's web page has pointed here, in whose visitor's
    browser it could then read what is served (DNS rebinding, CVE-2018-5702).
    """
    name = re.sub(rb":[0-9]*\Z", b"", host).lower()
    if b"." not in name or name.endswith(b".localhost"):
        return True
    try:
        ipaddress.IPv4Address(name.decode("ascii", "replace"))
    except ValueError:
        return False
    return True


def read_token(authorization: bytes | None) -> str | None:
    """The token that a request bears; None where there is none that could be one.

    It is the bearer's token, or the password of Basic, so that browsers can ask for it.
    """
    if authorization is None:
        return None
    scheme, _, rest = authorization.partition(b" ")
    rest = rest.strip(b" ")
    if scheme.lower() == b"basic":
        try:
            rest = base64.b64decode(rest, validate=True).partition(b":")[2]
        except binascii.Error:
            return None
    elif scheme.lower() != b"bearer":
        return None
    return rest.decode("ascii") if _BEARER.fullmatch(rest) else None


def write_digest(sha256: str) -> str:
    """Repr-Digest for a SHA-256 in hexadecimal digits."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode('ascii')}:"


def read_digest(value: bytes) -> str | None:
    """The SHA-256 (hex) in a Repr-Digest; None without one.

    Raises ValueError when there is one and it is malformed.
    """
    found = _SHA256.findall(value)
    if not found and not _ANY_SHA256.search(value):
        return None
    if len(found) != 1:
        raise ValueError("its SHA-256 is malformed")
    return base64.b64decode(found[0]).hex()


def wants_digest(value: bytes | None) -> bool:
    """True when Want-Repr-Digest asks for a SHA-256."""
    if value is None:
        return False
    found = _WANTED.search(value)
    return found is not None and found[1] != b"0"


def read_wait(prefer: bytes | None) -> int:
    """Seconds that an answer may take by Prefer (RFC 7240, section 4.3); 0 where it is silent."""
    found = None if prefer is None else _WAIT.search(prefer)
    return int(found[2]) if found else 0


def write_disposition(name: str) -> str:
    """Content-Disposition: to be saved under that name rather than shown."""
    if _PLAIN.fullmatch(name) and name == name.strip():
        return f'attachment; filename="{name}"'
    plain = "".join(letter if _PLAIN.fullmatch(letter) else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def prefers_page(accept: bytes | None) -> bool:
    """True when a page (text/html) is wanted more than JSON, which is what others get."""
    if accept is None:
        return False
    return _quality(accept, b"text/html") > _quality(accept, b"application/json")


def _quality(accept: bytes, kind: bytes) -> float:
    """How much `kind` is wanted, from 0 to 1, by the most precise range that covers it."""
    precision, quality = -1, 0.0
    covering = (b"*/*", kind.partition(b"/")[0] + b"/*", kind)
    for item in accept.split(b","):
        name, *parameters = item.split(b";")
        name = name.strip().lower()
        if name not in covering or covering.index(name) < precision:
            continue
        precision, quality = covering.index(name), 1.0
        for parameter in parameters:
            if match := _QUALITY.fullmatch(parameter):
                quality = float(match[1])
    return quality
