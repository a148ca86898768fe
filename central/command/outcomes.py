"""How a run of `central` can end: an exit code for each of its errors, and the text of the help."""

from central.errors import (
    CentralError,
    CorruptError,
    DeniedError,
    DiskError,
    GrantError,
    LinkError,
    NotFoundError,
    TokenFileError,
)
from host.program.execution import CORRUPT, DENIED, DISK, FAILED, NOT_FOUND, USAGE

CODES: dict[type[Exception], int] = {
    LinkError: USAGE,
    GrantError: USAGE,
    NotFoundError: NOT_FOUND,
    DeniedError: DENIED,
    CorruptError: CORRUPT,
    DiskError: DISK,
    TokenFileError: DISK,
    CentralError: FAILED,
}
EXIT_CODES = """\b
Exit codes:
  0  done
  2  usage: the command line cannot be used as it is
  3  not found: no such file on the server, or here; no such server
  4  denied: no token, or none that permits this
  5  corrupt: the file that came is not the one asked for
  6  disk: full, not writable, not readable
  7  interrupted (Ctrl-C, SIGTERM); what has come of a get is kept for get --continue
  1  anything else: the server cannot be reached, is busy, or broke off, as it does
     when a token is revoked in the middle
"""
