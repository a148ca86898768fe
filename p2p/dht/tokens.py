"""Tokens: proof that who announces a peer can read what is sent to its address (BEP 5).

Pure: `now` is in seconds on a clock that never goes back.
"""

import hashlib
import hmac
import random

ROLL_S = 300.0
"""Seconds until the secret changes; a token is good for that long at least and twice that at most,
as BEP 5 has it."""
TOKEN_LENGTH = 8  # bytes; with it an answer with eight nodes is within three times its question


class Tokens:
    """Makes tokens and knows them again, without keeping any."""

    def __init__(self, rng: random.Random) -> None:
        """`rng` is for this alone: who sees other numbers of a generator may compute the rest."""
        self._key = rng.randbytes(32)

    def make(self, address: str, infohash: bytes, now: float) -> bytes:
        """The token for an IPv4 address that asked for a torrent's peers, or an item (BEP 44)."""
        return self._token(address, infohash, int(now // ROLL_S))

    def accepts(self, token: bytes, address: str, infohash: bytes, now: float) -> bool:
        """Whether `make` gave this token to this address, with the secret of now or the last."""
        period = int(now // ROLL_S)
        fits = [
            hmac.compare_digest(token, self._token(address, infohash, each))
            for each in (period, period - 1)
        ]
        return any(fits)

    def _token(self, address: str, infohash: bytes, period: int) -> bytes:
        # The period stands in for a secret of its own: the key mixes all of them.
        text = b"%d %s %s" % (period, address.encode(), infohash)
        return hashlib.blake2b(text, digest_size=TOKEN_LENGTH, key=self._key).digest()
