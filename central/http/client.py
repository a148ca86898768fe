"""The HTTP client: files fetched and uploaded, folders listed and watched (RFC 9110, RFC 9112)."""

from __future__ import annotations

from central.config import ClientConfig
from central.http.download import Download
from central.http.listing import listing
from central.http.session import Kept
from central.http.upload import put
from central.http.watching import watch
from central.landing import Landing
from central.link import Link
from host.host import Host

__all__ = ["Kept", "fetch", "listing", "put", "watch"]


async def fetch(
    host: Host, link: Link, landing: Landing, config: ClientConfig, kept: Kept | None = None
) -> None:
    """Bring what `landing` lacks of the file behind `link`; its commit is the caller's.

    `kept`: a connection comes from there, and stays there for the next file, if it may.  Raises
    CentralError.
    """
    download = Download(host, link, landing, config, kept)
    try:
        await download.run()
    finally:
        download.close()
