"""What the connections of one HTTP server share."""

from __future__ import annotations

from datetime import datetime

from central.house import House
from central.http.dates import write_date
from central.http.fields import names_here
from central.http.request import Head
from central.site import Site


class HttpHouse(House):
    """Who is here, for whom it is, and the date."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.private = False
        """Reached from this computer alone, and without a token."""
        self._date = ("", -1)

    def meant(self, head: Head) -> bool:
        """True when a request is for this server, and not for a name that leads astray."""
        return not self.private or names_here(head.fields.get(b"host", b"127.0.0.1"))

    def date(self, now: datetime) -> str:
        """The Date field (RFC 9110, section 6.6.1), written once a second."""
        second = int(now.timestamp())
        if self._date[1] != second:
            self._date = (write_date(second), second)
        return self._date[0]
