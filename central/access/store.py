"""The token file: grants in an SQLite database, which several programs may read and write at a time
and which survives being killed (https://www.sqlite.org/atomiccommit.html).

Tokens themselves are never in it, only their hashes.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from central.access.grants import Grant, Right, find, hash_token, lives
from central.errors import GrantError, TokenFileError

APPLICATION_ID = 0x46534C54
"""Says in the file's header what it is (`PRAGMA application_id`): "FSLT"."""

VERSION = 1
"""Of the table below; a file of a later one is refused."""

PATIENCE_S = 5.0
"""Seconds to wait for another program that is writing."""

GLANCE_S = 0.05
"""The same for a look from the event loop, which can come back later."""

TABLE = """
CREATE TABLE grants (
    digest TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    rights TEXT NOT NULL,
    granted REAL NOT NULL,
    expires REAL,
    rate REAL,
    downloads INTEGER,
    used REAL NOT NULL DEFAULT 0,
    revoked REAL
)
"""
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
DISK = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)
COLUMNS = "digest, name, rights, granted, expires, rate, downloads, used, revoked"


def new_token() -> str:
    """A token nobody else has: `fsl_` and 256 random bits in base64url (RFC 4648, section 5)."""
    return "fsl_" + secrets.token_urlsafe(32)


class Store:
    """One token file.  Each method raises TokenFileError when the file does not do as it should."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        """Without `create` the file must be there; with it, it is made, for its owner only."""
        self.path = path
        self._view: sqlite3.Connection | None = None
        self._seen: tuple[int, ...] | None = None
        if create:
            with _clearly(path), suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with _clearly(path), closing(self._connect(PATIENCE_S)) as database:
            _prepare(path, database)

    def grant(
        self,
        name: str,
        *,
        token: str,
        now: float,
        rights: frozenset[Right] = frozenset(("read",)),
        expires: float | None = None,
        rate: float | None = None,
        downloads: int | None = None,
    ) -> Grant:
        """Let who has `token` in from now on; GrantError when that makes no sense or `name` is
        that of another grant in force, or the token not new.  Units as in Grant."""
        grant = Grant(
            digest=hash_token(token),
            name=name,
            rights=rights,
            granted=now,
            expires=expires,
            rate=rate,
            downloads=downloads,
        )
        with self._writing(PATIENCE_S) as database:
            others = _read(database)
            if any(other.digest == grant.digest for other in others):
                raise GrantError("this token was granted already; expected a new one")
            if any(other.name == name and lives(other, now) for other in others):
                raise GrantError(
                    f"a grant called {name!r} is in force already; expected another name, or that "
                    "one revoked first"
                )
            database.execute(
                f"INSERT INTO grants ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", _row(grant)
            )
        return grant

    def revoke(self, who: str, *, now: float) -> Grant:
        """Take back the grant with this name or beginning of an id, and return it as it was;
        GrantError when there is none in force, or several."""
        with self._writing(PATIENCE_S) as database:
            grant = find(_read(database), who, now)
            database.execute("UPDATE grants SET revoked = ? WHERE digest = ?", (now, grant.digest))
        return grant

    def grants(self) -> list[Grant]:
        """All that was ever granted, the oldest first."""
        with _clearly(self.path), closing(self._connect(PATIENCE_S)) as database:
            _prepare(self.path, database)
            return _read(database)

    def add_uses(self, uses: Mapping[str, float], patience_s: float = PATIENCE_S) -> None:
        """Add files (fractions, also negative ones) to what is used, by the tokens' hashes.

        May be called in another thread than the rest.
        """
        with self._writing(patience_s) as database:
            database.executemany(
                "UPDATE grants SET used = max(0, used + ?) WHERE digest = ?",
                [(amount, digest) for digest, amount in uses.items()],
            )

    def news(self) -> list[Grant] | None:
        """All grants, if they may have changed since the last call; None if they have not, or
        somebody is changing them right now.  Takes microseconds when there is nothing new.

        The file is kept open from the first call on; TokenFileError closes it again.
        """
        try:
            with _clearly(self.path):
                return self._look()
        except TokenFileError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._view is not None:
            self._view.close()
        self._view = self._seen = None

    def _look(self) -> list[Grant] | None:
        # Somebody may have put another file in this one's place; the old one tells no news then.
        at = self.path.stat()
        if self._seen is not None and self._seen[:2] != (at.st_dev, at.st_ino):
            self.close()
        try:
            if self._view is None:
                self._view = self._connect(GLANCE_S)
                _prepare(self.path, self._view)
            (version,) = self._view.execute("PRAGMA data_version").fetchone()
            seen = (at.st_dev, at.st_ino, version)
            if seen == self._seen:
                return None
            grants = _read(self._view)
        except sqlite3.OperationalError as error:
            if _kind(error) not in BUSY:
                raise
            return None
        self._seen = seen
        return grants

    def _connect(self, patience_s: float) -> sqlite3.Connection:
        """The database, each statement on its own unless a transaction is begun."""
        # As a URI, because a plain name would make the file where it is missing.
        uri = f"file:{quote(os.fsencode(self.path))}?mode=rw"
        return sqlite3.connect(uri, uri=True, timeout=patience_s, isolation_level=None)

    @contextmanager
    def _writing(self, patience_s: float) -> Iterator[sqlite3.Connection]:
        """A transaction of one's own: all or nothing, on the disk at the end."""
        with _clearly(self.path), closing(self._connect(patience_s)) as database:
            _prepare(self.path, database)
            # A revocation must outlast a loss of power too: the folder is synced at its end.
            database.execute("PRAGMA synchronous = EXTRA")
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    """See that it is a token file; one that is empty becomes one."""
    if _identity(database) == (0, 0, 0):
        database.execute("BEGIN IMMEDIATE")
        if _identity(database) == (0, 0, 0):  # nobody else was quicker
            database.execute(TABLE)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        database.execute("COMMIT")
    application, version, _ = _identity(database)
    if application != APPLICATION_ID:
        raise TokenFileError(f"{path} is a database of something else; expected a token file")
    if version != VERSION:
        raise TokenFileError(
            f"{path} has version {version} of the format; expected {VERSION}, the one that this "
            "program knows"
        )


def _identity(database: sqlite3.Connection) -> tuple[int, int, int]:
    """Whose file it is, the version of its format, and how many things are defined in it."""
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (things,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return application, version, things


def _row(grant: Grant) -> tuple[object, ...]:
    return (
        grant.digest,
        grant.name,
        " ".join(sorted(grant.rights)),
        grant.granted,
        grant.expires,
        grant.rate,
        grant.downloads,
        grant.used,
        grant.revoked,
    )


def _read(database: sqlite3.Connection) -> list[Grant]:
    rows = database.execute(f"SELECT {COLUMNS} FROM grants ORDER BY rowid").fetchall()
    return [_grant(row) for row in rows]


def _grant(row: tuple[Any, ...]) -> Grant:
    """The grant in a row, which any program may have written; TokenFileError."""
    fields = dict(zip(COLUMNS.split(", "), row, strict=True))
    fields["rights"] = str(fields["rights"]).split()
    try:
        return msgspec.convert(fields, Grant)
    except (msgspec.ValidationError, GrantError) as error:
        raise TokenFileError(f"a grant in the token file makes no sense: {error}") from None


@contextmanager
def _clearly(path: Path) -> Iterator[None]:
    """Make one line of what goes wrong with the file."""
    try:
        yield
    except FileNotFoundError:
        raise TokenFileError(_absent(path)) from None
    except OSError as error:
        raise TokenFileError(f"{path}: {error.strerror}; expected a token file") from None
    except (sqlite3.Error, UnicodeDecodeError) as error:
        kind = _kind(error)
        if kind == sqlite3.SQLITE_CANTOPEN and not path.exists():
            what = _absent(path)
        elif kind == sqlite3.SQLITE_NOTADB:
            what = f"{path} is not a token file"
        elif kind in BUSY:
            what = f"{path} is being written by another program; try again"
        elif kind in DISK:
            what = f"{path}: {error}; expected a token file that can be read and written"
        else:
            # What SQLite says then may quote the damage, several lines of it or no text at all.
            what = f"{path} is damaged; expected a token file"
        raise TokenFileError(what) from None


def _kind(error: sqlite3.Error | UnicodeDecodeError) -> int:
    """What went wrong: the lower eight bits of the result code, the others say more
    (https://www.sqlite.org/rescode.html); 0 when it was found by Python's module."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _absent(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} for the token file {path.name}"
    return f"there is no {path}; granting a token makes a token file"
