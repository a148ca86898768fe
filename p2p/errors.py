"""What can go wrong in the P2P backend, as one small tree of errors."""


class P2PError(Exception):
    """Anything that the p2p package reports; its text is one line for a person."""


class BencodeError(P2PError):
    """Bytes that are not strict bencoding, or a value that bencoding cannot hold."""


class MetainfoError(P2PError):
    """A torrent that is malformed, unsafe or of a kind not handled."""


class MagnetError(P2PError):
    """A text that is no magnet link to a torrent."""


class WireError(P2PError):
    """A peer broke the protocol; the connection to it must be closed."""
