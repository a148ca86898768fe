"""What an item says about a torrent that changes (BEP 46)."""

import pytest

from p2p.bencode import Encodable, encode
from p2p.dht.items import Mutable, sign
from p2p.updates import Update, read

SECRET = bytes(32)


def test_an_item_names_its_version_and_its_torrent() -> None:
    assert read(sign(SECRET, 7, {"ih": b"h" * 20, "more": 1})) == Update(7, b"h" * 20)


@pytest.mark.parametrize(
    "value", [0, "ih", [b"h" * 20], {}, {"ih": 5}, {"ih": b"h" * 19}, {"IH": b"h" * 20}], ids=str
)
def test_an_item_about_something_else_names_none(value: Encodable) -> None:
    assert read(sign(SECRET, 7, value)) is None


def test_no_item_and_one_that_is_not_bencoded_name_none() -> None:
    assert read(None) is None
    assert read(Mutable(bytes(32), 7, encode("x")[:-1], bytes(64))) is None
