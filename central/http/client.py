"""The HTTP client: files fetched and uploaded, folders listed and watched (RFC 9110, RFC 9112)."""

from __future__ import annotations

from central.config import ClientConfig
from central.http.download import Download
from central.http.listing import listing, watch
from central.http.upload import put
from central.landing import Landing
from central.link import Link
from host.host import Host

__all__ = ["fetch", "listing", "put", "watch"]


async def fetch(host: Host, link: Link, landing: Landing, config: ClientConfig) -> None:
    """Bring what `landing` lacks of the file behind `link`; its commit is the caller's.

    Raises CentralError.
    """
    download = Download(host, link, landing, config)
    try:
        await download.run()
    finally:
        download.close()
