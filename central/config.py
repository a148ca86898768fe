"""What a server and a client of the central backend may be told, with the unit of each field."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a server puts up with from strangers."""

    connections: int = 8192
    """Connections in all; the process's descriptors may allow fewer."""
    per_address: int = 256
    """Connections from one address."""
    head_s: float = 10.0
    """Seconds for a request's head (a frame, for the persistent socket) once it has begun, or for
    the first one (hardening guides say 10 s; nginx's default is 60 s)."""
    wait_s: float = 60.0
    """Seconds for which an HTTP client may have an answer held back until something changes (RFC
    6202, section 5.5: 30 are safe, 120 have worked)."""
    waiting: int = 1024
    """HTTP answers that are held back at a time; to others what is there is told at once."""
    idle_s: float = 60.0
    """Seconds that a connection may rest between two requests (nginx: keepalive_timeout 75 s)."""
    least_rate: float = 1024.0
    """Bytes per second that a client must take or give over `rate_s` during a transfer."""
    rate_s: float = 20.0
    """Seconds over which `least_rate` is judged (Apache's mod_reqtimeout: 20 s)."""
    upload_bytes: int = 8 << 30
    """Bytes in an uploaded file, so that one without end is none (nginx: client_max_body_size)."""
    transfers: int = 256
    """TFTP transfers at a time, each with a port of its own."""


@dataclass(frozen=True, kw_only=True)
class ClientConfig:
    """How a client asks."""

    token: str | None = None
    patience_s: float = 30.0
    """Seconds without a byte, or for a connection to open, after which a transfer fails."""
    request_size: int | None = None
    """Bytes asked for at a time (HTTP ranges, ranges of the persistent socket); None: all."""
    close_each: bool = False
    """HTTP: a connection for each request, closed after its answer."""
    resume: bool = True
    """Go on with what an earlier transfer left."""
    poll_s: float = 1.0
    """HTTP: seconds between two looks at what has changed."""
    wait_s: int | None = None
    """HTTP: seconds that the server may take to answer such a look while nothing has changed (long
    polling); None: it answers at once."""
    block_size: int = 1428
    """TFTP: bytes of the file in a packet (RFC 2348); with all headers an Ethernet frame."""
    window: int = 16
    """TFTP: packets in a window (RFC 7440)."""
    retransmit_s: float = 1.0
    """TFTP: seconds until the first retransmission, before any round trip was seen (RFC 6298)."""
