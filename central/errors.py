"""What can go wrong in the central backend, as one small tree of errors; one line each."""


class CentralError(Exception):
    """Anything that the central package reports; its text is one line for a person."""


class LinkError(CentralError):
    """A text that is no link to a file on a server."""


class TransferError(CentralError):
    """The server cannot be reached, broke off or broke the protocol; what has come is kept."""


class NotFoundError(CentralError):
    """The server has no such file, or none that may be seen."""


class DeniedError(CentralError):
    """No token, one that is not valid (any more), or one that does not permit this."""

    def __init__(self, line: str, *, known: bool = False) -> None:
        """`known`: the token is valid and permits something else (403 rather than 401)."""
        super().__init__(line)
        self.known = known


class BusyError(CentralError):
    """The server has as many connections or transfers as it takes."""


class CorruptError(CentralError):
    """The file that came is not the one asked for."""


class DiskError(CentralError):
    """The disk does not take or give what it should."""


class GrantError(CentralError):
    """A grant that cannot be made as asked for, or that is not there to be revoked."""


class TokenFileError(CentralError):
    """The file of tokens cannot be read or written, or is something else."""
