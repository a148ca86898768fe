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


class KrpcError(P2PError):
    """A datagram that is not a message between DHT nodes."""


class NotFoundError(P2PError):
    """What was asked for is not there: a file, or a peer that has the torrent."""


class CorruptError(P2PError):
    """What lies on disk is not what the torrent says."""


class DiskError(P2PError):
    """The disk does not take or give what it should; what is proven stays for another try."""
