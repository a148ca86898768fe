"""Which bytes of which files a stretch of data is."""

import pytest
from torrents import MIXED, torrent_of

from p2p.disk.layout import Layout

FILES = torrent_of(MIXED).metainfo.files  # of 250, 1000, 0, 1 and 449 bytes


@pytest.mark.parametrize(
    ("offset", "length", "spans"),
    [
        (0, 250, [(0, 0, 250)]),
        (0, 251, [(0, 0, 250), (1, 0, 1)]),
        (249, 2, [(0, 249, 1), (1, 0, 1)]),
        (250, 1000, [(1, 0, 1000)]),
        (1249, 3, [(1, 999, 1), (3, 0, 1), (4, 0, 1)]),
        (1250, 1, [(3, 0, 1)]),
        (1699, 1, [(4, 448, 1)]),
        (0, 1700, [(0, 0, 250), (1, 0, 1000), (3, 0, 1), (4, 0, 449)]),
        (0, 0, []),
        (1700, 0, []),
    ],
)
def test_spans(offset, length, spans):
    assert Layout(FILES).spans(offset, length) == spans


@pytest.mark.parametrize(("offset", "length"), [(0, 1701), (1700, 1), (-1, 1), (5, -1)])
def test_nothing_lies_outside(offset, length):
    with pytest.raises(IndexError, match="outside the torrent"):
        Layout(FILES).spans(offset, length)


def test_nothing_lies_in_empty_files():
    layout = Layout(torrent_of({"a": 0, "b": 0}).metainfo.files)
    assert layout.spans(0, 0) == []
    with pytest.raises(IndexError):
        layout.spans(0, 1)
