"""What can go wrong in the central backend, one line each."""


class CentralError(Exception):
    """A transfer failed; the message says why."""


class LinkError(CentralError):
    """The link is not one of ours."""


class TransferError(CentralError):
    """The server refused, the connection broke, or the file is not the one asked for."""
